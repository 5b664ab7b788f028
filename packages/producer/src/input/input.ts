/** Inputs of the calls, read only as far as is needed. Refuses what is not iterable, and items that are not tuples. */

import { InvalidOptionError } from "@poolmq/shared";
import { inspectBriefly } from "@poolmq/shared/internal";
import type { ArgumentForm } from "@poolmq/shared/internal";

import { take } from "./take.ts";

/** Where the items of a call come from. */
export type ItemSource = SyncSource | AsyncSource;

/** An input whose items are available at once. */
interface SyncSource {
  readonly kind: "sync";
  readonly form: ArgumentForm;
  /** Adds items until there are `most`. True at the end. Throws what the input throws, after adding the items before. */
  fill(items: unknown[], most: number): boolean;
  /** Called if the input will not be read to its end. */
  close(): void;
}

/** An input whose items have to be waited for. */
export interface AsyncSource {
  readonly kind: "async";
  readonly form: ArgumentForm;
  next(): Promise<IteratorResult<unknown>>;
  close(): Promise<void>;
}

/** The input of a call. */
export interface Input {
  readonly source: ItemSource;
  /** Number of items, if it is known beforehand. */
  readonly length: number | undefined;
}

/** Checks an item, of the input's form. */
type Check = (item: unknown) => void;

/** The input of `map`: each item is the one argument. @throws InvalidOptionError */
export function singles(call: string, items: unknown): Input {
  return { source: sourceOf(call, items, "one", undefined), length: lengthOf(items) };
}

/**
 * The input of `starmap`. An item that is not an array is refused at once if the input is an array; else the source
 * throws when it reaches it.
 *
 * @throws InvalidOptionError
 */
export function checkedTuples(call: string, items: unknown): Input {
  const refuse = (item: unknown, index: number): never => {
    const got = inspectBriefly(item);
    throw new InvalidOptionError(
      `Expected each item of ${call}() to be an array of arguments, got ${got} at index ${index}. ` +
        `An item of one argument is written as [${got}]`,
    );
  };
  if (Array.isArray(items)) {
    const wrong = items.findIndex((item) => !Array.isArray(item));
    if (wrong !== -1) refuse(items[wrong], wrong);
  }
  let index = 0;
  const check: Check = (item) => {
    if (!Array.isArray(item)) refuse(item, index);
    index++;
  };
  return { source: sourceOf(call, items, "tuple", check), length: lengthOf(items) };
}

/** The input of `apply`: one tuple, taken as it is now. @throws InvalidOptionError */
export function appliedTuple(args: unknown): Input {
  if (!Array.isArray(args)) {
    const [got, meant] = [inspectBriefly(args), args === undefined ? "" : inspectBriefly(args)];
    throw new InvalidOptionError(
      `Expected the arguments of apply() to be an array, got ${got}: write [${meant}]`,
    );
  }
  return { source: new ArraySource([take("tuple", args)], "tuple"), length: 1 };
}

function lengthOf(items: unknown): number | undefined {
  if (Array.isArray(items) || ArrayBuffer.isView(items)) return (items as readonly unknown[]).length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}

/** Makes the source. Only items of an async input are waited for. */
function sourceOf(call: string, items: unknown, form: ArgumentForm, check: Check | undefined): ItemSource {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(items) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  if (typeof async === "function") return ofAsyncIterator(async.call(items), form, check);
  if (typeof sync === "function") {
    const isWalk = isArrayWalk(items, sync);
    if (isWalk && check === undefined) return new ArraySource(items, form);
    return ofIterator(sync.call(items), form, { check, takes: !isWalk });
  }
  throw new InvalidOptionError(
    `Expected the items of ${call}() to be iterable (an array, a generator, an async generator), got ${inspectBriefly(items)}` +
      (items instanceof Promise ? ": await it first" : ""),
  );
}

const walkArray: unknown = Array.prototype[Symbol.iterator];
const arrayIterator = Object.getPrototypeOf([].values()) as { next: unknown };
const { next: nextOfArray } = arrayIterator;

/** Whether its iterator is the built-in one, which reads the length and one index after the other. */
function isArrayWalk(items: unknown, iterator: unknown): items is readonly unknown[] {
  return Array.isArray(items) && iterator === walkArray && arrayIterator.next === nextOfArray;
}

/** Reads an array as its iterator would, but faster. */
class ArraySource implements SyncSource {
  readonly kind = "sync";
  readonly form: ArgumentForm;
  readonly #array: readonly unknown[];
  #at = 0;

  constructor(array: readonly unknown[], form: ArgumentForm) {
    this.#array = array;
    this.form = form;
  }

  fill(items: unknown[], most: number): boolean {
    const array = this.#array;
    let filled = items.length;
    // Allocated at its full length: growing an array takes longer than filling it.
    items.length = Math.max(filled, Math.min(most, filled + array.length - this.#at));
    try {
      for (; filled < most; filled++) {
        if (this.#at >= array.length) return true;
        items[filled] = array[this.#at++];
      }
      return false;
    } finally {
      items.length = filled;
    }
  }

  close(): void {}
}

/** @param takes - whether an item is copied when it is yielded, and not when its chunk is full */
function ofIterator(
  iterator: Iterator<unknown>,
  form: ArgumentForm,
  { check, takes }: { readonly check: Check | undefined; readonly takes: boolean },
): SyncSource {
  return {
    kind: "sync",
    form,
    fill(items, most) {
      while (items.length < most) {
        const result: unknown = iterator.next();
        try {
          const step = checkResult(result);
          if (step.done === true) return true;
          const { value } = step;
          check?.(value);
          // The last item of a chunk need not be copied, because it is encoded before the iterator goes on.
          const waits = takes && items.length + 1 < most;
          items.push(waits && typeof value === "object" ? take(form, value) : value);
        } catch (error) {
          // If an item is refused, close the input, which is not read further.
          iterator.return?.();
          throw error;
        }
      }
      return false;
    },
    close: () => void iterator.return?.(),
  };
}

function ofAsyncIterator(
  iterator: AsyncIterator<unknown>,
  form: ArgumentForm,
  check: Check | undefined,
): AsyncSource {
  return {
    kind: "async",
    form,
    async next() {
      const result: unknown = await iterator.next();
      try {
        const step = checkResult(result);
        if (step.done === true) return { done: true, value: undefined };
        const { value } = step;
        check?.(value);
        return { done: false, value: typeof value === "object" ? take(form, value) : value };
      } catch (error) {
        await iterator.return?.();
        throw error;
      }
    },
    async close() {
      await iterator.return?.();
    },
  };
}

/** Checks a step as `for … of` does. Without the check, an iterator that returns something else would never end. */
function checkResult(result: unknown): IteratorResult<unknown> {
  if (typeof result === "object" && result !== null) return result as IteratorResult<unknown>;
  throw new TypeError(`Iterator result ${inspectBriefly(result)} is not an object`);
}
