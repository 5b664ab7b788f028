/** A worker machine of a fleet. It is asked for nothing. */

import { runWorker } from "@poolmq/worker";

import { readSetup, serve } from "./serve.ts";

const { redis, queue, processes, concurrency } = readSetup();
const worker = await runWorker({
  module: new URL("../tasks.ts", import.meta.url),
  connection: redis,
  queue,
  processes,
  concurrency,
});
await serve({}, () => worker.close());
