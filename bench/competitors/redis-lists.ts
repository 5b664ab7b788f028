/**
 * The lower bound: a producer and two workers with plain Redis lists and the same payloads, without any guarantee: no
 * lock, no retry, no order except by index.
 */

import { Redis } from "ioredis";

import { startWorkers } from "./worker-processes.ts";
import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timedMap } from "./timed.ts";

/** Payloads in one command. */
const BULK = 1_000;

const { redis, processes } = readSetup();
const queue = "lists";
const commands = new Redis(redis);
const blocking = new Redis(redis);
const workers = await startWorkers("./redis-lists-worker.ts", processes, { redis, queue, concurrency: 50 });

async function map(task: string, items: readonly number[]): Promise<number[]> {
  const results: number[] = Array.from({ length: items.length });
  const adding = (async () => {
    for (let start = 0; start < items.length; start += BULK) {
      const payloads = items
        .slice(start, start + BULK)
        .map((item, i) => JSON.stringify({ task, i: start + i, item }));
      await commands.rpush(queue, ...payloads);
    }
  })();
  for (let missing = items.length; missing > 0;) {
    const [, first] = (await blocking.blpop(`${queue}:results`, 0)) ?? [];
    const more = (await blocking.lpop(`${queue}:results`, BULK)) ?? [];
    for (const text of [first ?? "", ...more]) {
      const [i, result] = JSON.parse(text) as [number, number];
      results[i] = result;
      missing--;
    }
  }
  await adding;
  return results;
}

await serve(
  {
    async map({ task, args }) {
      const items = argumentsOf(args);
      return await timedMap(() => map(task, items));
    },
  },
  async () => {
    workers.stop();
    commands.disconnect();
    blocking.disconnect();
  },
);
