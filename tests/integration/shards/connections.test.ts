/** How many connections a machine and a producer hold: the figures of docs/deployment.md. */

import { expect, onTestFinished, test } from "vitest";

import { RedisCluster } from "../../support/redis-cluster.ts";
import { RedisServer } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

interface Held {
  readonly machine: number;
  readonly producer: number;
}

/** The connections of poolmq to these servers, by who holds them: BullMQ and machines name theirs by the machine. */
async function heldOn(servers: readonly RedisServer[]): Promise<Held> {
  const lists = await Promise.all(servers.map(async ({ admin }) => String(await admin.client("LIST"))));
  const names = lists.flatMap((list) => [...list.matchAll(/ name=(\S*)/g)].map(([, name = ""]) => name));
  const own = names.filter((name) => name.startsWith("poolmq:"));
  const producer = own.filter((name) => /^poolmq:\d+:/.test(name)).length;
  return { producer, machine: own.length - producer };
}

async function settled(servers: readonly RedisServer[], expected: Held): Promise<void> {
  let held: Held | undefined;
  const isSo = async (): Promise<boolean> => {
    held = await heldOn(servers);
    return held.machine === expected.machine && held.producer === expected.producer;
  };
  await until(isSo, { what: "connections", timeoutMs: 10_000 }).catch(() => {});
  expect(held).toEqual(expected);
}

const numbers = Array.from({ length: 60 }, (_, i) => i);

test("three for each server of a machine, and two of a producer", async () => {
  const servers = await Promise.all([0, 1, 2, 3].map(async () => await RedisServer.start()));
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  for (const count of [1, 2, 4]) {
    const some = servers.slice(0, count);
    const stage = new Stage(some[0] ?? { url: "" });
    const machine = await stage.machine({ connection: some.map((server) => server.urlFor("worker")) });
    const pool = stage.pool({ connection: some.map((server) => server.urlFor("producer")) });
    await pool.map("increment", numbers, { chunksize: 1 });
    await settled(some, { machine: 3 * count, producer: 2 * count });
    await pool.terminate();
    await machine.close();
    await settled(some, { machine: 0, producer: 0 });
  }
});

test("on a Cluster, shards share all but those that wait for jobs and for outcomes", async () => {
  const { primaries } = await RedisCluster.start();
  const connection = { cluster: primaries.map(({ url }) => url) };
  for (const shards of [1, 2, 4]) {
    const stage = new Stage(primaries[0] ?? { url: "" });
    const machine = await stage.machine({ connection, shards });
    const pool = stage.pool({ connection, shards });
    await pool.map("increment", numbers, { chunksize: 1 });
    // A connection to each of the three nodes; one node that was asked nothing has none.
    const held = await heldOn(primaries);
    expect(held.machine).toBeLessThanOrEqual(6 + 3 * shards);
    expect(held.producer).toBeLessThanOrEqual(3 + 3 * shards);
    expect(Math.min(held.machine, held.producer)).toBeGreaterThan(shards);
    await pool.terminate();
    await machine.close();
    await settled(primaries, { machine: 0, producer: 0 });
  }
});
