/** poolmq without Redis, whose one worker inserts rows into a database: SQLite has one writer at a time. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pool } from "@poolmq/producer";

import type * as tasks from "../../examples/insert-rows/tasks.ts";
import { serve } from "./serve.ts";
import { timed } from "./timed.ts";

const folder = mkdtempSync(join(tmpdir(), "poolmq-bench-rows-"));
const pool = new Pool<typeof tasks>({
  connection: "memory",
  tasks: new URL("../../examples/insert-rows/tasks.ts", import.meta.url),
  processes: 1,
  env: { DATABASE: join(folder, "people.db") },
});
await pool.ready();
let inserted = 0;

await serve(
  {
    async inserts({ rows, how }) {
      const from = inserted;
      inserted += rows;
      const people = Array.from({ length: rows }, (_, i) => ({ id: from + i, name: `Person ${from + i}` }));
      const { ms } = await timed(async () => {
        if (how === "calls") await Promise.all(people.map((person) => pool.apply("insertMany", [person])));
        else await pool.map(how === "batches" ? "insertMany" : "insertOne", people);
      });
      const found = await pool.apply("countPeople", []);
      if (found !== inserted) throw new Error(`${found} rows are there, expected ${inserted}`);
      return { ms };
    },
  },
  async () => {
    pool.close();
    await pool.join();
    rmSync(folder, { recursive: true });
  },
);
