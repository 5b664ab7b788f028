/**
 * The runs of a host that wait, oldest first. A list without any method of `Array`: tasks share this thread's globals, and
 * may have changed them.
 */

import type { Payload } from "@poolmq/shared/task";

import type { RunMessage } from "../../item/item-context.ts";

export interface WaitingRun {
  readonly message: RunMessage;
  readonly args: Payload;
  readonly bytes: Buffer | undefined;
  next: WaitingRun | undefined;
}

export class WaitingRuns {
  #first: WaitingRun | undefined;
  #last: WaitingRun | undefined;

  get first(): WaitingRun | undefined {
    return this.#first;
  }

  add(run: WaitingRun): void {
    if (this.#last === undefined) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
  }

  removeFirst(): void {
    this.#first = this.#first?.next;
    if (this.#first === undefined) this.#last = undefined;
  }

  /** Takes out the run with this id. Gives whether it was here. */
  remove(id: number): boolean {
    let before: WaitingRun | undefined;
    for (let run = this.#first; run !== undefined; before = run, run = run.next) {
      if (run.message.id !== id) continue;
      if (before === undefined) this.#first = run.next;
      else before.next = run.next;
      if (this.#last === run) this.#last = before;
      return true;
    }
    return false;
  }
}
