/**
 * A producer app and a fleet: the work goes to whichever workers serve the same Redis. Only the types of the tasks
 * are imported, so none of the workers' code is loaded here.
 *
 * In one terminal, or in as many as you like, on as many machines as you like:
 *
 *   export REDIS_URL=redis://127.0.0.1:6379
 *   node --conditions=@poolmq/source packages/worker/src/cli.ts worker examples/tasks.ts
 *
 * (That is `npx poolmq worker tasks.ts` in a project that has installed @poolmq/worker.) In another one:
 *
 *   export REDIS_URL=redis://127.0.0.1:6379
 *   node --conditions=@poolmq/source examples/fleet/producer.ts
 *
 * Prints [ 2, 3, 4, 5, 6 ] and [ 3, 7, 11 ], also if the workers are started last: a map waits for them.
 */

import { Pool } from "@poolmq/producer";

import type * as tasks from "../tasks.ts";

await using pool = new Pool<typeof tasks>({ connection: process.env["REDIS_URL"] });
console.log(await pool.map("increment", [1, 2, 3, 4, 5]));
console.log(
  await pool.starmap("add", [
    [1, 2],
    [3, 4],
    [5, 6],
  ]),
);
