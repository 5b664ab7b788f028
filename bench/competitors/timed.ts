import { sumOf } from "./operations.ts";

export async function timed<R>(run: () => PromiseLike<R>): Promise<{ ms: number; result: R }> {
  const started = performance.now();
  const result = await run();
  return { ms: performance.now() - started, result };
}

/** Times `times` maps, one after the other, and gives their mean; sums the results of the last, which is not timed. */
export async function timedMap(
  map: () => PromiseLike<readonly number[]>,
  times = 1,
): Promise<{ ms: number; sum: number }> {
  let total = 0;
  let sum = 0;
  for (let i = 0; i < times; i++) {
    const { ms, result } = await timed(map);
    total += ms;
    sum = sumOf(result);
  }
  return { ms: total / times, sum };
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
