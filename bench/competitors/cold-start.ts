/**
 * Starts a pool with workers, gets one result, and prints when each step was done. Its argument is the pool's connection. After
 * an embedded Redis, the same without Redis.
 */

import type * as tasks from "../tasks.ts";

const [, , connection = "embedded"] = process.argv;
const started = performance.now();
const { Pool } = await import("@poolmq/producer");
const imported = performance.now() - started;

const began = Date.now();
const newPool = performance.now();
const since = (): number => performance.now() - newPool;
const phases: Record<string, number> = {};
const pool = new Pool<typeof tasks>({
  tasks: new URL("../tasks.ts", import.meta.url),
  processes: 2,
  connection,
});
await pool.apply("increment", [1]);
phases["first result"] = since();
await pool.map("increment", [1, 2, 3]);
phases["second call"] = since();
pool.close();
await pool.join();

if (connection === "embedded") {
  const newMemoryPool = performance.now();
  const memory = new Pool<typeof tasks>({
    tasks: new URL("../tasks.ts", import.meta.url),
    processes: 2,
    connection: "memory",
  });
  await memory.apply("increment", [1]);
  phases["first result without Redis"] = performance.now() - newMemoryPool;
  memory.close();
  await memory.join();
}
console.log(JSON.stringify({ imported, began, phases }));
