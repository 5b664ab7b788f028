/** One of several Redis servers of a pool is killed, frozen or wiped, under load. */

import { PoolmqError } from "@poolmq/producer";
import { expect, onTestFinished, test } from "vitest";

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
import { RedisServer } from "../support/redis-server.ts";

const ITEMS = 400;

/** What happens to a server, and how it comes back; absent: it is there all the time. */
interface ShardFault {
  readonly hurt: (server: RedisServer) => Promise<unknown> | void;
  readonly mend?: (server: RedisServer) => Promise<void> | void;
  /** It has lost what it had. */
  readonly loses: boolean;
}

const FAULTS: Readonly<Record<string, ShardFault>> = {
  "killed, and back with its data": {
    hurt: (server) => server.kill(),
    mend: (server) => server.restart(),
    loses: false,
  },
  "killed, and back without its data": {
    hurt: (server) => server.kill(),
    mend: async (server) => {
      await server.restart();
      await server.admin.flushall();
    },
    loses: true,
  },
  frozen: { hurt: (server) => server.pause(), mend: (server) => server.resume(), loses: false },
  wiped: { hurt: (server) => server.admin.flushall(), loses: true },
};

test.for([
  ["killed, and back with its data", 3],
  ["killed, and back without its data", 2],
  ["frozen", 2],
  ["wiped", 3],
] as const)("one server is %s, of %i: every kind of map comes to its end", async ([name, count]) => {
  const fault = FAULTS[name];
  if (fault === undefined) throw new Error(name);
  const settings = { appendonly: "yes", appendfsync: "always" } as const;
  const servers = await Promise.all(Array.from({ length: count }, () => RedisServer.start({ settings })));
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const [hurt] = servers;
  if (hurt === undefined) throw new Error("no server");
  const stage = new FaultStage(hurt);
  await Promise.all(
    servers.map(() =>
      stage.machine({
        module: FAULT_TASKS,
        connection: servers.map((server) => server.urlFor("worker")),
        concurrency: 4,
        ...SHORT_LOCKS,
      }),
    ),
  );
  const connection = servers.map((server) => server.urlFor("producer"));
  const pool = stage.pool<typeof tasks>({ connection });
  const reader = stage.pool<typeof tasks>({ connection });
  await pool.ready(count);

  const logs = [new RunLog(), new RunLog()] as const;
  const plain = new Watched<number>((options) => pool.map("work", logs[0].items(ITEMS, { ms: 3 }), options));
  const durable = new Watched<number>((options) =>
    pool.map("work", logs[1].items(ITEMS, { ms: 3 }), { ...options, mapId: "durable", chunksize: 1 }),
  );
  await plain.done(ITEMS / 8);
  await durable.done(ITEMS / 8);
  const handle = reader.attach("durable");

  await fault.hurt(hurt);
  // It goes round the server that is away.
  await expectWhole(plain, doubled(ITEMS));
  await expectWhole(
    new Watched<number>((options) => pool.map("work", new RunLog().items(50), options)),
    doubled(50),
  );
  await fault.mend?.(hurt);
  // It waits for that server, and loses nothing.
  await expectWhole(durable, doubled(ITEMS));
  try {
    expect(await handle).toEqual(doubled(ITEMS));
  } catch (error) {
    // Who only reads a map can't mend what Redis has lost of it.
    expect(fault.loses, String(error)).toBe(true);
    expect(error).toBeInstanceOf(PoolmqError);
  }
});
