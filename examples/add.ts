/**
 * `starmap`: a tuple of arguments per item, on three processes of this machine. The function is in tasks.ts.
 *
 *   node --conditions=@poolmq/source examples/add.ts
 *
 * Prints [ 3, 7, 11 ]
 */

import { Pool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes: 3 });
const argumentTuples: [number, number][] = [
  [1, 2],
  [3, 4],
  [5, 6],
];
console.log(await pool.starmap("add", argumentTuples));
