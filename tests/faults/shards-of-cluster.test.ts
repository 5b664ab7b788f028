/** Row 74, on a Redis Cluster: the node of one of several shards is hurt, under load. */

import { shardNames } from "@poolmq/shared/internal";
import { queueKeys } from "@poolmq/shared/redis";
import { expect, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import {
  doubled,
  expectWhole,
  FAULT_TASKS,
  FaultStage,
  RunLog,
  SHORT_LOCKS,
  Watched,
} from "../support/fault-stage.ts";
import { RedisCluster } from "../support/redis-cluster.ts";

const ITEMS = 300;

test(
  "a primary without a replica dies, a slot moves, and a replica takes over: every map comes to its end",
  { timeout: 240_000 },
  async () => {
    const settings = {
      // While a slot is without a node, the others go on.
      "cluster-require-full-coverage": "no",
      appendonly: "yes",
      appendfsync: "always",
    } as const;
    const cluster = await RedisCluster.start({ replica: true, settings });
    const [replicated, alone, third] = cluster.primaries;
    if (replicated === undefined || alone === undefined || third === undefined) throw new Error("no node");
    const stage = new FaultStage({ url: "" });
    const spread = { connection: cluster.connection, shards: 3 };
    const options = { ...spread, module: FAULT_TASKS, concurrency: 4, ...SHORT_LOCKS };
    await Promise.all([0, 1].map(async () => await stage.machine(options)));
    const pool = stage.pool<typeof tasks>(spread);
    await pool.ready(2);
    const keys = shardNames(stage.queue, 3).map((name) => queueKeys(name).workers);
    const owners = await Promise.all(keys.map(async (key) => await cluster.ownerOf(key)));
    expect(owners.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);

    const work = (mapId?: string): Watched<number> =>
      new Watched<number>((told) =>
        pool.map("work", new RunLog().items(ITEMS, { ms: 3 }), { ...told, mapId, chunksize: 1 }),
      );
    const during = async (
      name: string,
      { hurt, mend }: { hurt: () => Promise<void>; mend?: () => Promise<void> },
    ): Promise<void> => {
      const [plain, durable] = [work(), work(name)];
      await plain.done(ITEMS / 8);
      await durable.done(ITEMS / 8);
      await hurt();
      try {
        await expectWhole(plain, doubled(ITEMS));
        await expectWhole(work(), doubled(ITEMS));
      } finally {
        await mend?.();
      }
      await expectWhole(durable, doubled(ITEMS));
    };
    await during("dead", {
      hurt: async () => await alone.kill(),
      mend: async () => await alone.restart(),
    });
    const ofThird = keys[owners.indexOf(2)] ?? "";
    await during("moved", { hurt: async () => await cluster.moveSlotOf(ofThird, third, alone) });
    await during("replaced", { hurt: async () => await replicated.kill() });
  },
);
