/** What a program does to its own globals must not leave a map unsettled, nor make another error of an item's. */

import { expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { TASKS } from "../../support/stage.ts";

const CHANGES = {
  "call sites in place of text": "Error.prepareStackTrace = (_, sites) => sites;",
  "a number in place of text": "Error.prepareStackTrace = () => 42;",
  "a prepareStackTrace that throws": 'Error.prepareStackTrace = () => { throw new Error("a bug"); };',
  "a frozen Error": "Object.freeze(Error);",
  "no limit of stacks": "delete Error.stackTraceLimit;",
};

const POOLS = ["new Pool({ tasks, processes: 1 })", "new ThreadPool({ tasks, threads: 1 })"];

test.for(
  POOLS.flatMap((pool) => Object.entries(CHANGES).map(([name, change]) => [name, pool, change] as const)),
)("with %s, errors are the items' own: %s", async ([, pool, change]) => {
  await using child = Program.source(`
      import { Pool, ThreadPool } from "@poolmq/producer";
      const tasks = new URL(${JSON.stringify(TASKS.href)});
      const pool = ${pool};
      await pool.ready(1);
      ${change}
      const told = async (map) => await map.then(String, (error) => error.name + ": " + error.message);
      console.log(await told(pool.map("fail", [1])));
      console.log(await told(pool.map("increment", [() => {}])));
      console.log(await told(pool.map("increment", [1])));
      await pool.terminate();
    `);
  await child.exited;
  const [failed, refused, fine] = child.output.split("\n").filter((line) => !line.includes("Warning"));
  expect(failed, child.output).toMatch(/^PaymentError: /);
  expect(refused).toMatch(/^SerializationError: /);
  expect(fine).toBe("2");
});
