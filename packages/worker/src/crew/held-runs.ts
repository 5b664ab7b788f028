/** The runs that wait for a free host, the oldest first. */

import type { Ticket } from "../runs/run.ts";

export class HeldRuns {
  readonly #tickets: Ticket[] = [];
  #isClosed = false;

  get size(): number {
    return this.#tickets.length;
  }

  get oldest(): Ticket | undefined {
    return this.#tickets[0];
  }

  /** Gives whether the run waits now. Once closed, it is handed back immediately. */
  add(ticket: Ticket): boolean {
    if (this.#isClosed) ticket.settle({ kind: "unstarted" });
    else this.#tickets.push(ticket);
    return !this.#isClosed;
  }

  /** Takes back a run that a host had: it waits again where it did before, so that runs keep the order in which they came. */
  takeBack(ticket: Ticket): void {
    if (this.#isClosed) return ticket.settle({ kind: "unstarted" });
    const behind = this.#tickets.findIndex(({ no }) => no > ticket.no);
    this.#tickets.splice(behind === -1 ? this.size : behind, 0, ticket);
  }

  /** Removes the oldest run, which has found a host. */
  removeOldest(): void {
    this.#tickets.shift();
  }

  cancel(isMeant: (ticket: Ticket) => boolean): void {
    for (const ticket of this.#tickets.filter(isMeant)) {
      this.#tickets.splice(this.#tickets.indexOf(ticket), 1);
      ticket.settle({ kind: "cancelled" });
    }
  }

  /**
   * Hands all of them back, as runs that nobody has begun. The newest first: each is put in front of what waits, so that
   * the oldest ends up as the first.
   */
  release(): void {
    for (const ticket of this.#tickets.splice(0).toReversed()) ticket.settle({ kind: "unstarted" });
  }

  /** Hands back all runs, and those that come later. */
  close(): void {
    this.#isClosed = true;
    this.release();
  }
}
