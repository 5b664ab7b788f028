import type { Sink } from "./map-run.ts";

/**
 * Collects a map's results into slots by index. The promise waits for every item, then rejects with the error of the
 * lowest index that failed: which error arrives first depends on timing, and that would not be reproducible.
 */
export function slots<V>(): { readonly results: Promise<V[]>; readonly sink: Sink } {
  const { promise, resolve, reject } = Promise.withResolvers<V[]>();
  const values: V[] = [];
  let first: { readonly index: number; readonly error: unknown } | undefined;
  const sink: Sink = {
    succeeded(index, value) {
      values[index] = value as V;
    },
    failed(index, error) {
      if (first === undefined || index < first.index) first = { index, error };
    },
    ended(end) {
      // An input that threw, or a cancel, is told as it is: it is about the call, not about an item.
      if ("error" in end) reject(end.error);
      else if (first !== undefined) reject(first.error);
      else resolve(values);
    },
  };
  return { results: promise, sink };
}
