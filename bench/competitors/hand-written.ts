/** BullMQ by hand: worker processes that run the functions themselves. */

import { BullmqFanOut } from "./bullmq-fan-out.ts";
import { buffersOf, checkBuffers } from "./buffers.ts";
import { startWorkers } from "./worker-processes.ts";
import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timed, timedCalls, timedMap } from "./timed.ts";

/** The concurrency of one worker. It computes one job at a time; the others hide the round trips to Redis. */
const CONCURRENCY = 50;

/** Jobs of a megabyte that go into one `addBulk`. */
const LARGE_BULK = 10;

const { redis, processes, concurrency } = readSetup();
const queue = "hand-written";
const fanOut = await BullmqFanOut.open(redis, queue);
const workers = await startWorkers("./hand-written-worker.ts", processes, {
  redis,
  queue,
  concurrency: Math.max(CONCURRENCY, concurrency),
});

await serve(
  {
    async map({ task, args, times }) {
      const items = argumentsOf(args);
      return await timedMap(() => fanOut.map(task, items), times);
    },
    async buffers(request) {
      const buffers = buffersOf(request);
      const { ms, result } = await timed(async () => {
        const texts = buffers.map((buffer) => buffer.toString("base64"));
        const echoes = await fanOut.map<string>("echo", texts, LARGE_BULK);
        return echoes.map((text) => Buffer.from(text, "base64"));
      });
      checkBuffers(result, buffers);
      await fanOut.forget();
      return { ms };
    },
    async calls({ count }) {
      return { ms: await timedCalls(count, (i) => fanOut.call("increment", i)) };
    },
  },
  async () => {
    workers.stop();
    await fanOut.close();
  },
);
