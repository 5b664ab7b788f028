/** BullMQ with sandboxed processors: the functions run in child processes of the process that has the worker. */

import { BullmqFanOut } from "./bullmq-fan-out.ts";
import { startWorkers } from "./worker-processes.ts";
import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timedMap } from "./timed.ts";

const { redis, processes } = readSetup();
const queue = "sandboxed";
const fanOut = await BullmqFanOut.open(redis, queue);
// BullMQ starts a child for each concurrent job.
const workers = await startWorkers("./sandboxed-worker.ts", 1, { redis, queue, concurrency: processes });

await serve(
  {
    async map({ task, args }) {
      const items = argumentsOf(args);
      return await timedMap(() => fanOut.map(task, items));
    },
  },
  async () => {
    workers.stop();
    await fanOut.close();
  },
);
