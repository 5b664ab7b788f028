/**
 * Folds the results of a map in this process, each exactly once, as they come in.
 *
 * With `ordered`, only neighbours are folded. Results that came early are one value for each gap, and there are at most
 * as many gaps as chunks under way:
 *
 *   came in   ├──0–9──┤           ├──20–29──┤├──30–39──┤        10–19 joins all of them into one
 */

import { FOLDED } from "../map/outcomes/sink.ts";

/** Makes one result of two. */
export type ReduceFunction = (a: never, b: never) => unknown;

/** The results of the items from index `at` to `end`, folded into one value. */
interface Span {
  readonly at: number;
  readonly end: number;
  readonly value: unknown;
}

/** The index of the initial value, before the first item. */
const BEFORE_FIRST = -1;

export class PartialFold {
  readonly #reduce: (a: unknown, b: unknown) => unknown;
  readonly #isOrdered: boolean;
  readonly #onBroken: (error: unknown) => void;
  /** The folded spans by their start and by their end: without `ordered` there is one, with it one for each gap. */
  readonly #byStart = new Map<number, Span>();
  readonly #byEnd = new Map<number, Span>();
  /** Results that came in while an async reducer was running. */
  #waiting: Span[] = [];
  #working: Promise<void> | undefined;
  #stopped = false;
  #broken: { readonly error: unknown } | undefined;

  /**
   * @param initial - folded before the first item, if it is given
   * @param onBroken - called once with what the reducer threw; nothing is folded after that
   */
  constructor(
    reduce: ReduceFunction,
    options: { readonly ordered: boolean; readonly initial: { readonly value: unknown } | undefined },
    onBroken: (error: unknown) => void,
  ) {
    this.#reduce = reduce as (a: unknown, b: unknown) => unknown;
    this.#isOrdered = options.ordered;
    this.#onBroken = onBroken;
    if (options.initial !== undefined) {
      this.#put({ at: BEFORE_FIRST, end: 0, value: options.initial.value });
    }
  }

  /** Takes the results of consecutive items, the first of which has index `at`. Each must come once. */
  add(at: number, values: readonly unknown[]): void {
    for (let start = 0; start < values.length;) {
      let end = start + 1;
      while (end < values.length && values[end] === FOLDED) end++;
      this.#take({ at: at + start, end: at + end, value: values[start] });
      start = end;
    }
  }

  /** Stops folding, because the results are not wanted any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#byStart.clear();
    this.#byEnd.clear();
  }

  /**
   * Waits until everything that came in is folded. Gives the value in an array, which is empty if there was nothing to
   * fold. Throws what the reducer threw.
   */
  async result(): Promise<readonly unknown[]> {
    await this.#working;
    if (this.#broken !== undefined) throw this.#broken.error;
    return Array.from(this.#byStart.values(), ({ value }) => value);
  }

  #take(span: Span): void {
    if (this.#stopped) return;
    if (this.#working !== undefined) {
      this.#waiting.push(span);
      return;
    }
    try {
      const pending = this.#join(span);
      if (pending !== undefined) this.#working = this.#work(pending);
    } catch (error) {
      this.#break(error);
    }
  }

  /** Continues with results that came in meanwhile. Never rejects. */
  async #work(pending: Promise<void>): Promise<void> {
    try {
      await pending;
      for (let taken = this.#waiting; taken.length > 0; taken = this.#waiting) {
        this.#waiting = [];
        for (const span of taken) if (!this.#stopped) await this.#join(span);
      }
    } catch (error) {
      this.#break(error);
    }
    this.#working = undefined;
  }

  #break(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#broken = { error };
    this.#onBroken(error);
  }

  /** Folds a span with its neighbours. Gives a promise if the reducer did. */
  #join(span: Span): Promise<void> | undefined {
    const before = this.#isOrdered ? this.#byEnd.get(span.at) : first(this.#byStart);
    if (before === undefined) return this.#joinNext(span);
    this.#remove(before);
    const { at } = before;
    if (span.value === FOLDED) return this.#joinNext({ at, end: span.end, value: before.value });
    return whenDone(this.#reduce(before.value, span.value), (value) =>
      this.#joinNext({ at, end: span.end, value }),
    );
  }

  #joinNext(span: Span): Promise<void> | undefined {
    const next = this.#isOrdered ? this.#byStart.get(span.end) : undefined;
    if (next === undefined) return this.#put(span);
    this.#remove(next);
    return whenDone(this.#reduce(span.value, next.value), (value) =>
      this.#put({ at: span.at, end: next.end, value }),
    );
  }

  #put(span: Span): undefined {
    if (this.#stopped) return;
    this.#byStart.set(span.at, span);
    this.#byEnd.set(span.end, span);
  }

  #remove({ at, end }: Span): void {
    this.#byStart.delete(at);
    this.#byEnd.delete(end);
  }
}

function first(spans: ReadonlyMap<number, Span>): Span | undefined {
  const [span] = spans.values();
  return span;
}

/** Calls `goOn` with the value, at once unless it is a promise. */
function whenDone(
  value: unknown,
  goOn: (value: unknown) => Promise<void> | undefined,
): Promise<void> | undefined {
  const isPending =
    value !== null && typeof value === "object" && typeof (value as { then?: unknown }).then === "function";
  return isPending ? whenThere(value as PromiseLike<unknown>, goOn) : goOn(value);
}

async function whenThere(
  value: PromiseLike<unknown>,
  goOn: (value: unknown) => Promise<void> | undefined,
): Promise<void> {
  await goOn(await value);
}
