/** A worker machine of a fleet. It takes no requests. */

import { runWorker } from "@poolmq/worker";

import { readSetup, serve } from "./serve.ts";

const { redis, queue, processes, concurrency, slowMs } = readSetup();
// Variables with this prefix are passed on to the processes that run tasks.
if (slowMs !== undefined) process.env["POOLMQ_TASK_SLOW_MS"] = String(slowMs);
const worker = await runWorker({
  module: new URL("../tasks.ts", import.meta.url),
  connection: redis.split(","),
  queue,
  processes,
  concurrency,
});
await serve({}, () => worker.close());
