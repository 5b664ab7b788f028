/** A worker process of the hand-written competitor. */

import { Worker } from "bullmq";

import { TASKS } from "./tasks-by-name.ts";
import type { TaskName } from "./tasks-by-name.ts";
import type { WorkerSettings } from "./worker-processes.ts";

const { redis, queue, concurrency } = JSON.parse(process.argv[2] ?? "") as WorkerSettings;

const worker = new Worker<{ item: number }, number, TaskName>(
  queue,
  async (job) => TASKS[job.name](job.data.item),
  { connection: { url: redis, maxRetriesPerRequest: null }, concurrency },
);
await worker.waitUntilReady();
process.once("disconnect", () => process.exit(0));
process.send?.("ready");
