/** The process that has the worker of the sandboxed competitor. */

import { Worker } from "bullmq";

import type { WorkerSettings } from "./worker-processes.ts";

const { redis, queue, concurrency } = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

const worker = new Worker(queue, new URL("./sandboxed-processor.ts", import.meta.url), {
  connection: { url: redis, maxRetriesPerRequest: null },
  concurrency,
});
await worker.waitUntilReady();
// The children end when their channel to this process closes.
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
