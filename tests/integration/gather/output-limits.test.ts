/** A Redis that closes the connection of who asks for more in one reply than it gives. */

import { expect, test } from "vitest";

import { block } from "../../fixtures/block.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

async function limited(): Promise<RedisServer> {
  // What is above the limit even for a second, too. Logins may not ask for it.
  return await RedisServer.start({ settings: { "client-output-buffer-limit": "normal 1mb 1mb 1" } });
}

async function connections(server: RedisServer): Promise<number> {
  return Number(/^total_connections_received:(\d+)/m.exec(await server.admin.info("stats"))?.[1]);
}

test("outcomes that are more than it gives at once are read in several, and other maps do not notice", async () => {
  await using server = await limited();
  const stage = new Stage(server);
  await stage.machine();
  const pool = stage.pool();
  await pool.ready();
  const before = await connections(server);
  const maps = Array.from({ length: 8 }, () => pool.map("repeat", Array<number>(10).fill(200_000)));
  const waiting = async (): Promise<number> => await server.admin.llen(stage.keys.job("wait"));
  await until(async () => (await waiting()) > 0, { what: "the jobs" });
  // So that outcomes pile up.
  block(700);
  const results = await Promise.all([...maps, pool.map("increment", [1])]);
  expect(results.flat().length).toBe(81);
  expect((await connections(server)) - before).toBeLessThan(15);
}, 60_000);

test("an outcome that is larger than it gives at once comes in pieces, to an attached pool too", async () => {
  await using server = await limited();
  const stage = new Stage(server);
  await stage.machine();
  const map = stage.pool().map("repeat", [10, 3_000_000, 20], { mapId: "large", keepMs: 60_000 });
  const lengths = (await map).map((text) => text.length);
  expect(lengths).toEqual([10, 3_000_000, 20]);
  const again = await stage.pool().attach<string>("large");
  expect(again.map((text) => text.length)).toEqual(lengths);
}, 60_000);

test("arguments and shared values that are larger than it gives at once come in pieces", async () => {
  await using server = await limited();
  const stage = new Stage(server);
  await stage.machine();
  const pool = stage.pool();
  const bytes = Buffer.alloc(3_000_000, "x");
  const echoed = await pool.map("echo", [bytes, 1, await pool.share(bytes)]);
  expect(echoed.map((value) => (value as Partial<Buffer>).length)).toEqual([3_000_000, undefined, 3_000_000]);
}, 60_000);

test("jobs whose arguments are together more than it gives at once are run", async () => {
  await using server = await limited();
  const stage = new Stage(server);
  const pool = stage.pool();
  const map = pool.map("echo", Array<string>(30).fill("x".repeat(200_000)), { chunksize: 1 });
  await until(async () => (await server.admin.llen(stage.keys.job("wait"))) > 20, { what: "the jobs" });
  const before = await connections(server);
  await stage.machine({ concurrency: 20 });
  expect(await map).toHaveLength(30);
  expect((await connections(server)) - before).toBeLessThan(25);
}, 60_000);
