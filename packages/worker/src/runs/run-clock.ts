/**
 * The clocks of the runs on one host: the time limit of a run, then its grace after it was told to stop. A run has at
 * most one of the two at a time; most runs never have one.
 */

import { PatientTimer } from "../host/patient-timer.ts";
import type { SentRun } from "./sent-runs.ts";

export interface RunClockEvents {
  /** A run has reached its time limit. */
  onLimit(sent: SentRun): void;
  /** A run was told to stop, and has not stopped within its grace. */
  onOverdue(sent: SentRun): void;
}

export class RunClock {
  readonly #killGraceMs: number;
  readonly #events: RunClockEvents;

  constructor(killGraceMs: number, events: RunClockEvents) {
    this.#killGraceMs = killGraceMs;
    this.#events = events;
  }

  /** Starts the time limit, if there is one, when an item of the run begins. */
  startLimit(sent: SentRun): void {
    const { timeoutMs } = sent.ticket.run;
    if (timeoutMs === undefined || sent.ticket.stopped !== undefined) return;
    this.#set(sent, timeoutMs, () => this.#events.onLimit(sent));
  }

  /** Starts the grace of a run that was told to stop. */
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
