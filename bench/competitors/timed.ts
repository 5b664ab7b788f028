import { sumOf } from "./operations.ts";

/** Times a map and sums its results, which is not timed. */
export async function timedMap(
  map: () => PromiseLike<readonly number[]>,
): Promise<{ ms: number; sum: number }> {
  const started = performance.now();
  const results = await map();
  const ms = performance.now() - started;
  return { ms, sum: sumOf(results) };
}

/** Times calls one after the other. */
export async function timedCalls(
  count: number,
  call: (i: number) => PromiseLike<unknown>,
): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) {
    const started = performance.now();
    await call(i);
    all.push(performance.now() - started);
  }
  return all;
}
