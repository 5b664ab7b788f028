/** poolmq without Redis: worker processes of its own. */

import { Pool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";
import { serveCalls } from "./poolmq-calls.ts";
import { readSetup } from "./serve.ts";

const { processes, concurrency } = readSetup();
const pool = new Pool<typeof tasks>({
  connection: "memory",
  tasks: new URL("../tasks.ts", import.meta.url),
  processes,
  concurrency,
});
await pool.ready(processes);
await serveCalls(pool);
