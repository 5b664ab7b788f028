/** poolmq itself, with its options as they come. */

import { Pool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { argumentsOf } from "./operations.ts";
import { readSetup, serve } from "./serve.ts";
import { timedCalls, timedMap } from "./timed.ts";

const { redis, processes, concurrency } = readSetup();
const pool = new Pool<typeof tasks>({
  connection: redis,
  tasks: new URL("../tasks.ts", import.meta.url),
  processes,
  concurrency,
});
await pool.ready();

await serve(
  {
    async map({ task, args, chunksize = 1 }) {
      const items = argumentsOf(args);
      return await timedMap(() => pool.map(task, items, { chunksize }));
    },
    async calls({ count }) {
      return { ms: await timedCalls(count, (i) => pool.apply("increment", [i])) };
    },
  },
  async () => {
    pool.close();
    await pool.join();
  },
);
