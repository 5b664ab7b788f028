/** Inputs of the calls, as iterators of argument tuples. What is no iterable, or no tuple, is refused. */

import { InvalidOptionError } from "@poolmq/shared";
import { short } from "@poolmq/shared/internal";

/** Gives argument tuples, one for each item. */
export type TupleIterator = Iterator<readonly unknown[]> | AsyncIterator<readonly unknown[]>;

/** The input of a call. */
export interface Input {
  readonly tuples: TupleIterator;
  /** Number of items, if it is known beforehand. */
  readonly length: number | undefined;
}

/** The tuples of `map`: each item is the one argument. @throws InvalidOptionError */
export function singles(call: string, items: unknown): Input {
  return { tuples: mapped(iteratorOf(call, items), (item) => [item]), length: lengthOf(items) };
}

/**
 * The tuples of `starmap`. An item that is no array is refused at once if the input is an array; else the iterator
 * throws when it gets there.
 *
 * @throws InvalidOptionError
 */
export function checkedTuples(call: string, items: unknown): Input {
  const refuse = (item: unknown, index: number): never => {
    throw new InvalidOptionError(
      `Expected each item of ${call}() to be an array of arguments, got ${short(item)} at index ${index}`,
    );
  };
  if (Array.isArray(items)) {
    const wrong = items.findIndex((item) => !Array.isArray(item));
    if (wrong !== -1) refuse(items[wrong], wrong);
  }
  let index = 0;
  const tuples = mapped(iteratorOf(call, items), (item) => {
    if (!Array.isArray(item)) return refuse(item, index);
    index++;
    return item as readonly unknown[];
  });
  return { tuples, length: lengthOf(items) };
}

function lengthOf(items: unknown): number | undefined {
  if (Array.isArray(items) || ArrayBuffer.isView(items)) return (items as readonly unknown[]).length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}

/** An input's iterator, and which kind it is: only an async one's `next()` is waited for. */
type Source =
  | { readonly kind: "sync"; readonly iterator: Iterator<unknown> }
  | { readonly kind: "async"; readonly iterator: AsyncIterator<unknown> };

function iteratorOf(call: string, items: unknown): Source {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(items) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  if (typeof async === "function") return { kind: "async", iterator: async.call(items) };
  if (typeof sync === "function") return { kind: "sync", iterator: sync.call(items) };
  throw new InvalidOptionError(
    `Expected the items of ${call}() to be iterable (an array, a generator, an async generator), got ${short(items)}`,
  );
}

function mapped(input: Source, toTuple: (item: unknown) => readonly unknown[]): TupleIterator {
  const convert = (result: IteratorResult<unknown>): IteratorResult<readonly unknown[]> => {
    // As the language does it. Without this, an iterator of anything else would never end.
    if (typeof result !== "object" || result === null)
      throw new TypeError(`Iterator result ${short(result)} is not an object`);
    return result.done === true
      ? { done: true, value: undefined }
      : { done: false, value: toTuple(result.value) };
  };
  if (input.kind === "sync") {
    const { iterator } = input;
    return {
      next: () => {
        const result = iterator.next();
        try {
          return convert(result);
        } catch (error) {
          // An input whose item is refused is told that it is not read on.
          iterator.return?.();
          throw error;
        }
      },
      return: () => {
        iterator.return?.();
        return { done: true, value: undefined };
      },
    };
  }
  const { iterator } = input;
  return {
    next: async () => {
      const result = await iterator.next();
      try {
        return convert(result);
      } catch (error) {
        await iterator.return?.();
        throw error;
      }
    },
    return: async () => {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}
