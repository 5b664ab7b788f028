/**
 * `map` on five threads of this process, without Redis. The function is in tasks.ts.
 *
 *   node --conditions=@poolmq/source examples/thread-increment.ts
 *
 * Prints [ 2, 3, 4, 5, 6 ]
 */

import { ThreadPool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

await using pool = new ThreadPool<typeof tasks>({
  tasks: new URL("./tasks.ts", import.meta.url),
  threads: 5,
});
const out: number[] = [];
for (const result of await pool.map("increment", [1, 2, 3, 4, 5])) out.push(result);
console.log(out);
