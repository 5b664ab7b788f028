/**
 * Batch tasks: rows that are inserted many at once, each with its own result or error, against one by one.
 *
 *   node --conditions=@poolmq/source examples/insert-rows/main.ts [rows]
 *
 * The times go to stderr.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pool } from "@poolmq/producer";

import type * as tasks from "./tasks.ts";

const rows = Number(process.argv[2] ?? 500);
const folder = mkdtempSync(join(tmpdir(), "poolmq-rows-"));
// SQLite allows one writer at a time, so this pool has one process.
await using pool = new Pool<typeof tasks>({
  tasks: new URL("./tasks.ts", import.meta.url),
  processes: 1,
  connection: "memory",
  env: { DATABASE: join(folder, "people.db") },
});
await pool.ready();

function people(from: number): tasks.Person[] {
  return Array.from({ length: rows }, (_, i) => ({ id: from + i, name: `Person ${from + i}` }));
}

async function timed(what: string, insert: () => PromiseLike<unknown>): Promise<void> {
  const start = performance.now();
  await insert();
  console.error(`${what}: ${Math.round(performance.now() - start)} ms`);
}

await timed(`${rows} rows one by one`, () => pool.map("insertOne", people(0)));
await timed(`${rows} rows in batches`, () => pool.map("insertMany", people(rows)));
await timed(`${rows} calls, in batches`, () =>
  Promise.all(people(2 * rows).map((person) => pool.apply("insertMany", [person]))),
);

// A row that exists already is an error of its own, and the others of its batch are inserted.
const settled = await pool.map("insertMany", [...people(3 * rows), { id: 0, name: "Again" }]).settled();
for (const [index, row] of settled.entries()) {
  if (row.status === "rejected") console.log(`row ${index}: ${(row.reason as Error).message}`);
}
console.log(`${await pool.apply("countPeople", [])} people`);
rmSync(folder, { recursive: true });
