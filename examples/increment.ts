/**
 * `map`: one argument per item, on five processes of this machine. The function is in tasks.ts.
 *
 *   node --conditions=@poolmq/source examples/increment.ts
 *
 * Prints [ 2, 3, 4, 5, 6 ]
 */

import { Pool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes: 5 });
console.log(await pool.map("increment", [1, 2, 3, 4, 5]));
