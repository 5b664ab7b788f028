import { sumOf } from "./operations.ts";

export async function timed<R>(run: () => PromiseLike<R>): Promise<{ ms: number; result: R }> {
  const started = performance.now();
  const result = await run();
  return { ms: performance.now() - started, result };
}

/** Times a map and sums its results, which is not timed. */
export async function timedMap(
  map: () => PromiseLike<readonly number[]>,
): Promise<{ ms: number; sum: number }> {
  const { ms, result } = await timed(map);
  return { ms, sum: sumOf(result) };
}

/** Times calls one after the other. */
export async function timedCalls(
  count: number,
  call: (i: number) => PromiseLike<unknown>,
): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i++) all.push((await timed(() => call(i))).ms);
  return all;
}
