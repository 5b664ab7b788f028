/** What a stream has and its reader has not taken yet. */

import type { MapEnd, Sink } from "../map/outcomes/sink.ts";

/** What became of an item. */
export type Item<R> =
  | { readonly ok: true; readonly value: R }
  | { readonly ok: false; readonly error: unknown };

/** A read that waits for an item. */
export interface Waiter<R> {
  deliver(item: Item<R>): void;
  /** Ends the wait, because there is no further item. */
  finish(): void;
}

/** The results of items that came together, or why one item failed. */
type Run<R> = { readonly values: (R | undefined)[] } | { readonly error: unknown };

/**
 * Items that came in and were not read yet, in input order or in the order in which they came. Results stay in the array in
 * which they came: an object for each of them would outlive V8's young generation, which doubles its size when much does.
 *
 * @internal
 */
export class StreamBuffer<R> implements Sink {
  readonly #ordered: boolean;
  /** By the index of the first item. */
  readonly #runs = new Map<number, Run<R>>();
  /** The run that is being read, and how many of its results were. */
  #values: (R | undefined)[] = [];
  #read = 0;
  readonly #waiters: Waiter<R>[] = [];
  /** Index of the next item, in the order in which they are given. */
  #next = 0;
  /** Where the next run stands, if runs are given in the order in which they come. */
  #last = 0;
  #end: MapEnd | undefined;
  #errorTold = false;
  readonly #failed = Promise.withResolvers<{ readonly error: unknown }>();
  onTaken: () => void = () => {};
  onWaiting: (count: number) => void = () => {};

  constructor(ordered: boolean) {
    this.#ordered = ordered;
  }

  /** Resolves when an item or the call fails. */
  get firstFailure(): Promise<{ readonly error: unknown }> {
    return this.#failed.promise;
  }

  succeeded(index: number, value: unknown): void {
    this.succeededAll(index, [value]);
  }

  /** @param values - belong to this buffer from now on */
  succeededAll(at: number, values: readonly unknown[]): void {
    this.#add(at, { values: values as R[] }, values.length);
  }

  failed(index: number, error: unknown): void {
    this.#failed.resolve({ error });
    this.#add(index, { error }, 1);
  }

  ended(end: MapEnd): void {
    if ("error" in end) this.#failed.resolve(end);
    this.#end ??= end;
    this.#deliver();
  }

  /** Gives the next item, if it is there and nobody waits for it. Most reads of a slow reader need no promise then. */
  poll(): Item<R> | undefined {
    if (this.#waiters.length > 0) return undefined;
    const item = this.#shift();
    if (item !== undefined) this.onTaken();
    return item;
  }

  take(waiter: Waiter<R>): void {
    this.#waiters.push(waiter);
    this.#deliver();
    this.onWaiting(this.#waiters.length);
  }

  forget(waiter: Waiter<R>): void {
    const index = this.#waiters.indexOf(waiter);
    if (index !== -1) this.#waiters.splice(index, 1);
    this.onWaiting(this.#waiters.length);
  }

  /** Closes the buffer, because nobody reads any more. */
  close(): void {
    this.#runs.clear();
    this.#values = [];
    this.#read = 0;
    this.#end ??= { total: 0 };
    this.#errorTold = true;
    this.#deliver();
  }

  #add(index: number, run: Run<R>, items: number): void {
    if (this.#end !== undefined || items === 0) return;
    this.#runs.set(this.#ordered ? index : this.#last, run);
    this.#last += items;
    this.#deliver();
  }

  /** Gives the next item, if it is there. */
  #shift(): Item<R> | undefined {
    if (this.#read === this.#values.length) {
      const run = this.#runs.get(this.#next);
      if (run === undefined) return undefined;
      this.#runs.delete(this.#next);
      if ("error" in run) {
        this.#next++;
        return { ok: false, error: run.error };
      }
      this.#values = run.values;
      this.#read = 0;
    }
    const value = this.#values[this.#read] as R;
    // What may be large is not kept until all of its run was read. An array of numbers alone would be copied by that.
    if (typeof value !== "number") this.#values[this.#read] = undefined;
    this.#read++;
    this.#next++;
    return { ok: true, value };
  }

  #deliver(): void {
    while (this.#waiters.length > 0) {
      const item = this.#shift();
      if (item !== undefined) {
        this.onTaken();
        this.#waiters.shift()?.deliver(item);
        if (this.#waiters.length === 0) this.onWaiting(0);
      } else if (this.#end === undefined) {
        return;
      } else if ("error" in this.#end && !this.#errorTold) {
        this.#errorTold = true;
        this.#waiters.shift()?.deliver({ ok: false, error: this.#end.error });
      } else {
        this.#waiters.shift()?.finish();
      }
    }
  }
}
