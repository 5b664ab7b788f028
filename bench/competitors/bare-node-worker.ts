/** A process of the bare-Node competitor: waits for as many items at a time as it was told. */

import { wait } from "../tasks.ts";

const concurrency = Number(process.argv[2]);

process.on("message", (items: number[]) => void run(items));
process.send?.("ready");

async function run(items: readonly number[]): Promise<void> {
  const results: number[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await wait(items[i] ?? 0);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  process.send?.(results);
}
