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

  /** Gives whether it waits now: a closed one hands it back at once. */
  add(ticket: Ticket): boolean {
    if (this.#isClosed) ticket.settle({ kind: "unstarted" });
    else this.#tickets.push(ticket);
    return !this.#isClosed;
  }

  /** Takes one back that a host had: it has waited before, so it goes to the front. */
  addFirst(ticket: Ticket): void {
    if (this.#isClosed) ticket.settle({ kind: "unstarted" });
    else this.#tickets.unshift(ticket);
  }

  /** The oldest has found its host. */
  removeOldest(): void {
    this.#tickets.shift();
  }

  cancel(isMeant: (ticket: Ticket) => boolean): void {
    for (const ticket of this.#tickets.filter(isMeant)) {
      this.#tickets.splice(this.#tickets.indexOf(ticket), 1);
      ticket.settle({ kind: "cancelled" });
    }
  }

  /** Hands all of them back, as runs that nobody has begun. */
  release(): void {
    for (const ticket of this.#tickets.splice(0)) ticket.settle({ kind: "unstarted" });
  }

  /** Hands back what is here and whatever comes later. */
  close(): void {
    this.#isClosed = true;
    this.release();
  }
}
