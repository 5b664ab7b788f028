/**
 * The runs that one host has and has not answered, and their places in its table of claims.
 *
 *   sent ──answered──▶ gone, its place is free
 *    │ asked back
 *    ▼
 *   revoking ──guard: not begun──▶ revoked: it is given back, and the host will skip it ──"skipped"──▶ gone
 *    │  └──────guard: has begun──▶ sent
 *    └─answered first──▶ gone; its place is free once the guard has answered too: a revocation on its way would
 *                        otherwise hit whoever has the place next
 *
 * The same holds while the guard is asked to cut a run that has begun: its place is free once the guard has answered.
 */

import type { PatientTimer } from "../host/patient-timer.ts";
import type { Ticket } from "./run.ts";

export interface SentRun {
  readonly id: number;
  readonly slot: number;
  readonly ticket: Ticket;
  /** The guard was asked to take it back, or to cut it, and has not answered. */
  revoking: boolean;
  /** The run was given back: the host will skip it. */
  revoked: boolean;
  /** Runs out at its time limit, or at the end of its grace. Belongs to `RunClock`. */
  timer: PatientTimer | undefined;
}

export class SentRuns {
  /** By id, oldest first. The host begins them in this order. */
  readonly #runs = new Map<number, SentRun>();
  readonly #freeSlots: number[];
  /** Runs that the host has answered while the guard was asked to take them back. */
  readonly #awaitingGuard = new Map<number, SentRun>();
  #nextId = 1;

  constructor(slots: number) {
    this.#freeSlots = Array.from({ length: slots }, (_, slot) => slot);
  }

  get size(): number {
    return this.#runs.size;
  }

  get hasSlot(): boolean {
    return this.#freeSlots.length > 0;
  }

  get oldestId(): number | undefined {
    const [oldest] = this.#runs.keys();
    return oldest;
  }

  /** All runs, also those that were given back. */
  all(): Iterable<SentRun> {
    return this.#runs.values();
  }

  /** The runs that were not given back, oldest first. */
  *live(): Generator<SentRun, void, undefined> {
    for (const sent of this.#runs.values()) if (!sent.revoked) yield sent;
  }

  get(id: number): SentRun | undefined {
    return this.#runs.get(id);
  }

  /** Takes a place for a run. */
  add(ticket: Ticket): SentRun {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new Error("unreachable: a run was sent to a host without a place");
    const id = this.#nextId++;
    const sent: SentRun = { id, slot, ticket, revoking: false, revoked: false, timer: undefined };
    this.#runs.set(id, sent);
    return sent;
  }

  /** Removes a run that the host has answered. */
  answered(id: number): SentRun | undefined {
    const sent = this.#runs.get(id);
    if (sent === undefined) return undefined;
    this.#runs.delete(id);
    if (sent.revoking) this.#awaitingGuard.set(id, sent);
    else this.#freeSlots.push(sent.slot);
    return sent;
  }

  /** Notes the guard's answer; `ok`: it has taken the run back. Gives the run, unless the host has answered it before. */
  guardAnswered(id: number, ok: boolean): SentRun | undefined {
    const before = this.#awaitingGuard.get(id);
    if (before !== undefined) {
      this.#awaitingGuard.delete(id);
      this.#freeSlots.push(before.slot);
      return undefined;
    }
    const sent = this.#runs.get(id);
    if (sent === undefined || !sent.revoking) return undefined;
    sent.revoking = false;
    sent.revoked = ok;
    return sent;
  }

  /** After the host's end: gives the runs that it never answered and that were not given back. */
  clear(): SentRun[] {
    const left = [...this.live()];
    this.#runs.clear();
    return left;
  }
}
