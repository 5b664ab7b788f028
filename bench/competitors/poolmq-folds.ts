/** Results that are folded: by the workers (`mapReduce`), or in this process, to which all of them travel. */

import type { BasePool } from "@poolmq/producer";

import * as tasks from "../tasks.ts";
import type { Operations } from "./operations.ts";
import { timed } from "./timed.ts";

/** How often the memory is read, in ms. */
const LOOK_MS = 20;

export async function timedFold(
  pool: BasePool<typeof tasks>,
  request: Operations["fold"]["request"],
): Promise<Operations["fold"]["reply"]> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), LOOK_MS);
  try {
    const { ms, result: sum } = await timed(() => fold(pool, request));
    return { ms, sum, before, peak };
  } finally {
    clearInterval(timer);
  }
}

/** Gives the sum of the numbers, or of the histogram's counts. */
async function fold(
  pool: BasePool<typeof tasks>,
  { what, n, by }: Operations["fold"]["request"],
): Promise<number> {
  const chunksize = "auto";
  if (what === "sum") {
    if (by === "workers") return await pool.mapReduce("increment", numbers(n), "add");
    let sum = 0;
    for await (const x of pool.imapUnordered("increment", numbers(n), { chunksize, buffersize: 100_000 }))
      sum += x;
    return sum;
  }
  if (by === "workers") return total(await pool.mapReduce("histogram", numbers(n), "addCounts"));
  let counts: Float64Array | undefined;
  for await (const more of pool.imapUnordered("histogram", numbers(n), { chunksize })) {
    counts = counts === undefined ? more : tasks.addCounts(counts, more);
  }
  return total(counts ?? new Float64Array());
}

function total(counts: Float64Array): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

function* numbers(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
}
