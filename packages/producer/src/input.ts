/** Inputs of the calls, as iterators of argument tuples. What is no iterable, or no tuple, is refused. */

import { InvalidOptionError } from "@poolmq/shared";
import { short } from "@poolmq/shared/internal";

/** Gives argument tuples, one for each item. */
export type TupleIterator = Iterator<readonly unknown[]> | AsyncIterator<readonly unknown[]>;

/** The tuples of `map`: each item is the one argument. @throws InvalidOptionError */
export function singles(call: string, items: unknown): TupleIterator {
  return mapped(iteratorOf(call, items), (item) => [item]);
}

/** The tuples of `starmap`. An item that is no array makes the iterator throw. @throws InvalidOptionError */
export function checkedTuples(call: string, items: unknown): TupleIterator {
  let index = 0;
  return mapped(iteratorOf(call, items), (item) => {
    if (Array.isArray(item)) {
      index++;
      return item as readonly unknown[];
    }
    throw new InvalidOptionError(
      `Expected each item of ${call}() to be an array of arguments, got ${short(item)} at index ${index}`,
    );
  });
}

function iteratorOf(call: string, items: unknown): Iterator<unknown> | AsyncIterator<unknown> {
  if (typeof items === "object" && items !== null) {
    if (Symbol.asyncIterator in items) return (items as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in items) return (items as Iterable<unknown>)[Symbol.iterator]();
  }
  if (typeof items === "string") return items[Symbol.iterator]();
  throw new InvalidOptionError(
    `Expected the items of ${call}() to be iterable (an array, a generator, an async generator), got ${short(items)}`,
  );
}

function mapped(
  inner: Iterator<unknown> | AsyncIterator<unknown>,
  toTuple: (item: unknown) => readonly unknown[],
): TupleIterator {
  const convert = (result: IteratorResult<unknown>): IteratorResult<readonly unknown[]> =>
    result.done === true ? { done: true, value: undefined } : { done: false, value: toTuple(result.value) };
  return {
    next: () => {
      const result = inner.next();
      return result instanceof Promise ? result.then(convert) : convert(result);
    },
    return: () => {
      const result = inner.return?.();
      if (result instanceof Promise) return result.then(() => ({ done: true, value: undefined }));
      return { done: true, value: undefined };
    },
  } as TupleIterator;
}
