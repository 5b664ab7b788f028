/** A worker process of the hand-written competitor. */

import { Worker } from "bullmq";

import { runByName } from "./tasks-by-name.ts";
import type { WorkerSettings } from "./worker-processes.ts";

const { redis, queue, concurrency } = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

const worker = new Worker<{ item: unknown }>(queue, (job) => runByName(job.name, job.data.item), {
  connection: { url: redis, maxRetriesPerRequest: null },
  concurrency,
});
await worker.waitUntilReady();
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
