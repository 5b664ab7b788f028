/** poolmq on threads, without Redis. */

import { ThreadPool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { serveCalls } from "./poolmq-calls.ts";
import { readSetup } from "./serve.ts";

const { processes, concurrency } = readSetup();
const pool = new ThreadPool<typeof tasks>({
  tasks: new URL("../tasks.ts", import.meta.url),
  threads: processes,
  concurrency,
});
await pool.ready(processes);
await serveCalls(pool);
