/** A worker process of the Redis lists: takes as many payloads at a time as a BullMQ worker has jobs. */

import { Redis } from "ioredis";

import { runByName } from "./tasks-by-name.ts";
import type { WorkerSettings } from "./worker-processes.ts";

const { redis, queue, concurrency } = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

process.once("disconnect", () => process.exit(0));
const connection = new Redis(redis);
process.send?.("ready");
for (;;) {
  const [, first] = (await connection.blpop(queue, 0)) ?? [];
  const more = (await connection.lpop(queue, concurrency - 1)) ?? [];
  const results = [first ?? "", ...more].map(async (text) => {
    const { task, i, item } = JSON.parse(text) as { task: string; i: number; item: number };
    return JSON.stringify([i, await runByName(task, item)]);
  });
  await connection.rpush(`${queue}:results`, ...(await Promise.all(results)));
}
