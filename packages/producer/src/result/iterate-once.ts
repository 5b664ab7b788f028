/** Iterates over the only value of a call. */
export function iterateOnce<R>(value: Promise<R>): AsyncIterableIterator<R> {
  let isGiven = false;
  return {
    next: async (): Promise<IteratorResult<R, undefined>> => {
      if (isGiven) return { done: true, value: undefined };
      isGiven = true;
      return { done: false, value: await value };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
