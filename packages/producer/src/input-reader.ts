/** Reads an input without getting ahead of what is asked for. */

import type { TupleIterator } from "./input.ts";

const LATER = Symbol("later");

export class InputReader {
  readonly #input: TupleIterator;
  /** A read that an async input has not answered yet. */
  #pending: Promise<IteratorResult<readonly unknown[]>> | undefined;
  /** Tuples that wait for the rest of their chunk. */
  #held: (readonly unknown[])[] = [];
  #end: "done" | { readonly error: unknown } | undefined;

  constructor(input: TupleIterator) {
    this.#input = input;
  }

  /** Set once the input has ended, or has thrown. */
  get end(): "done" | { readonly error: unknown } | undefined {
    return this.#end;
  }

  /** True while an async input has not answered the last read. */
  get isSlow(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Gives the next tuples, at most `most`: fewer at the end, or if the input makes us wait with some in hand.
   *
   * @param wait - whether to wait for the first one
   * @param whole - whether to give all or none of them, except at the end
   */
  async read(
    most: number,
    { wait, whole }: { readonly wait: boolean; readonly whole: boolean },
  ): Promise<(readonly unknown[])[]> {
    const tuples = this.#held;
    this.#held = [];
    try {
      while (tuples.length < most && this.#end === undefined) {
        const next = this.#pending ?? this.#input.next();
        let result: IteratorResult<readonly unknown[]> | typeof LATER;
        if (next instanceof Promise) {
          this.#pending = next;
          const patient = wait && (whole || tuples.length === 0);
          result = await (patient ? next : Promise.race([next, nextTurn()]));
          if (result === LATER) break;
          this.#pending = undefined;
        } else {
          result = next;
        }
        if (result.done === true) this.#end = "done";
        else tuples.push(result.value);
      }
    } catch (error) {
      // The items before it are still run; then the map fails with this very error.
      this.#pending = undefined;
      this.#end = { error };
    }
    if (whole && tuples.length < most && this.#end === undefined) {
      this.#held = tuples;
      return [];
    }
    return tuples;
  }

  /** Tells an input that was not read to its end so, as `for … of` does. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#end = "done";
    this.#pending?.catch(() => {}); // nobody asks for it any more
    try {
      const returned: unknown = this.#input.return?.();
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // The map has ended for a reason of its own; that one is told.
    }
  }
}

function nextTurn(): Promise<typeof LATER> {
  return new Promise((resolve) => setImmediate(resolve, LATER));
}
