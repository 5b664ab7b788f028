/**
 * `starmap` on three threads of this process, without Redis. The function is in tasks.ts.
 *
 *   node --conditions=@poolmq/source examples/thread-add.ts
 *
 * Prints [ 3, 7, 11 ]
 */

import { ThreadPool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

await using pool = new ThreadPool<typeof tasks>({
  tasks: new URL("./tasks.ts", import.meta.url),
  threads: 3,
});
// A tuple for each call, since the function takes several arguments.
const argumentTuples: [number, number][] = [
  [1, 2],
  [3, 4],
  [5, 6],
];
console.log(await pool.starmap("add", argumentTuples));
