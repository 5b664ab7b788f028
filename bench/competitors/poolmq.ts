/** poolmq itself, with its default options: a pool with worker processes on this machine. */

import { Pool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { serveCalls } from "./poolmq-calls.ts";
import { readSetup } from "./serve.ts";

const { redis, processes, concurrency } = readSetup();
const pool = new Pool<typeof tasks>({
  connection: redis,
  tasks: new URL("../tasks.ts", import.meta.url),
  processes,
  concurrency,
});
await pool.ready();
await serveCalls(pool);
