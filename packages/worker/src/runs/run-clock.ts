/**
 * The clocks of the runs on one host: the time limit of what runs, then the grace after it was told to stop. A run has at
 * most one of the two, and none unless it needs one: most runs never do.
 */

import { PatientTimer } from "../host/patient-timer.ts";
import type { SentRun } from "./sent-runs.ts";

export interface RunClockEvents {
  /** A run has reached its time limit. */
  onLimit(sent: SentRun): void;
  /** A run was told to stop, and goes on. */
  onOverdue(sent: SentRun): void;
}

export class RunClock {
  readonly #killGraceMs: number;
  readonly #events: RunClockEvents;

  constructor(killGraceMs: number, events: RunClockEvents) {
    this.#killGraceMs = killGraceMs;
    this.#events = events;
  }

  /** An item of the run begins: its time limit starts, if it has one. */
  startLimit(sent: SentRun): void {
    const { timeoutMs } = sent.ticket.run;
    if (timeoutMs === undefined || sent.ticket.stopped !== undefined) return;
    this.#set(sent, timeoutMs, () => this.#events.onLimit(sent));
  }

  /** The run was told to stop: its grace starts. */
  startGrace(sent: SentRun): void {
    this.#set(sent, this.#killGraceMs, () => this.#events.onOverdue(sent));
  }

  stop(sent: SentRun): void {
    if (sent.timer === undefined) return;
    sent.timer.clear();
    sent.timer = undefined;
  }

  #set(sent: SentRun, ms: number, onEnd: () => void): void {
    sent.timer?.clear();
    sent.timer = new PatientTimer(ms, onEnd);
  }
}
