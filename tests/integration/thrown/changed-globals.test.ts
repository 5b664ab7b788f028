/** What a program does to its own globals must not leave a map unsettled, nor make another error of an item's. */

import { expect, test } from "vitest";

import { Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Stage, TASKS } from "../../support/stage.ts";

const redis = redisForFile();

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

const SIGNING_KEY = "a secret of more than thirty-two characters";

test.for([
  ["all arrays", "memory", "Array.prototype.toJSON = function () { return `[${this.join()}]`; };"],
  ["all objects", "memory", "Object.prototype.toJSON = () => 1;"],
  ["all arrays", "a fleet", "Array.prototype.toJSON = function () { return `[${this.join()}]`; };"],
  ["all objects", "a fleet", "Object.prototype.toJSON = () => 1;"],
] as const)("with a toJSON of %s, values of a pool on %s are the same", async ([, where, change]) => {
  const stage = new Stage(redis());
  if (where === "a fleet") await stage.machine({ signingKey: SIGNING_KEY });
  const fleet = { connection: stage.urlFor("producer"), queue: stage.queue, signingKey: SIGNING_KEY };
  await using child = Program.source(`
      import { Pool } from "@poolmq/producer";
      const tasks = new URL(${JSON.stringify(TASKS.href)});
      const pool = new Pool(${where === "a fleet" ? JSON.stringify(fleet) : "{ tasks, processes: 1 }"});
      await pool.ready(1);
      ${change}
      const print = (values) => console.log(values.map((value) => Array.isArray(value) ? value.join("-") : value.a[0]).join());
      const shared = await Promise.all([[1, 2], { a: [3] }, new Map([["x", 1]])].map((value) => pool.share(value)));
      print(await pool.map("echo", shared.slice(0, 2)));
      console.log((await pool.apply("echo", [shared[2]])).get("x"));
      print(await pool.map("echo", [[4, 5], { a: [6] }, new Set([1])], { chunksize: 3, attempts: 2 }).then((all) => all.slice(0, 2)));
      await pool.terminate();
    `);
  await child.exited;
  expect(child.output.split("\n").slice(0, 3)).toEqual(["1-2,3", "1", "4-5,6"]);
});
