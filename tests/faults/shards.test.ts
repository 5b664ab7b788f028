/**
 * Row 74: one of several Redis servers of a pool is hurt, under load. What has no home there is done elsewhere within
 * seconds, the rest is done when the server is back, and nothing is lost, doubled or wrong.
 */

import { PoolmqError } from "@poolmq/producer";
import { runWorker } from "@poolmq/worker";
import type { WorkerMachine } from "@poolmq/worker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

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
import { TcpProxy } from "../support/tcp-proxy.ts";
import { uniqueQueue } from "../support/unique.ts";
import { until } from "../support/until.ts";

const ITEMS = 240;

/** A server that can be hurt, and the way to it. */
interface Hurt {
  readonly server: RedisServer;
  readonly way: TcpProxy;
}

/** What happens to a server, and how it comes back; absent: it is there all the time. */
interface ShardFault {
  readonly hurt: (hurt: Hurt) => unknown;
  readonly mend?: (hurt: Hurt) => unknown;
  /** It has lost what it had. */
  readonly loses?: true;
}

/** Ends holding bytes back, by the way on which they are held. */
const release = new Map<TcpProxy, () => void>();

const FAULTS: Readonly<Record<string, ShardFault>> = {
  "killed, and back with its data": {
    hurt: async ({ server }) => await server.kill(),
    mend: async ({ server }) => await server.restart(),
  },
  "killed, and back without its data": {
    hurt: async ({ server }) => await server.kill(),
    mend: async ({ server }) => {
      await server.restart();
      await server.admin.flushall();
    },
    loses: true,
  },
  frozen: { hurt: ({ server }) => server.pause(), mend: ({ server }) => server.resume() },
  wiped: { hurt: async ({ server }) => await server.admin.flushall(), loses: true },
  // Bytes vanish, both ways, and nobody is told: connections of that time never work again.
  "cut off": {
    hurt: ({ way }) => way.drop(),
    mend: ({ way }) => {
      way.restore();
      way.cut();
    },
  },
  // It hears what it is told, and does it; its answers come when the cut is over.
  "cut off one way": {
    hurt: ({ way }) => release.set(way, way.holdReplies()),
    mend: ({ way }) => release.get(way)?.(),
  },
};

let servers: readonly RedisServer[] = [];
let way: TcpProxy;

beforeAll(async () => {
  const settings = { appendonly: "yes", appendfsync: "always" } as const;
  servers = await Promise.all(
    [0, 1, 2].map(async () => await RedisServer.start({ settings, listen: "tcp" })),
  );
  const [first] = servers;
  if (first !== undefined) way = await TcpProxy.start(first);
});

afterAll(async () => {
  await way.stop();
  await Promise.all(servers.map(async (server) => await server.stop()));
});

describe.for([2, 3])("one server of %i", (count) => {
  const queue = uniqueQueue();
  let machines: readonly WorkerMachine[] = [];

  /** All go through the proxy to the server that is hurt. */
  const urlsFor = (role: "producer" | "worker"): string[] =>
    servers.slice(0, count).map((each, at) => {
      const url = each.urlFor(role);
      return at === 0 ? url.replace(`:${each.port}`, `:${way.port}`) : url;
    });

  // The same ones live through all faults.
  beforeAll(async () => {
    const options = { module: FAULT_TASKS, queue, processes: 1, concurrency: 4, ...SHORT_LOCKS };
    const connection = urlsFor("worker");
    machines = await Promise.all([0, 1].map(async () => await runWorker({ ...options, connection })));
  });

  afterAll(async () => {
    await Promise.all(machines.map(async (machine) => await machine.close(0)));
  });

  test.for(Object.keys(FAULTS))("is %s: every kind of map comes to its end", async (name) => {
    const fault = FAULTS[name];
    const [server] = servers;
    if (fault === undefined || server === undefined) throw new Error(name);
    const stage = new FaultStage(server, queue);
    const connection = urlsFor("producer");
    const pool = stage.pool<typeof tasks>({ connection });
    const reader = stage.pool<typeof tasks>({ connection });
    await pool.ready(2);
    const mapId = `durable-${name.replaceAll(/\W/g, "-")}`;

    const logs = [new RunLog(), new RunLog()] as const;
    const plain = new Watched<number>((options) =>
      pool.map("work", logs[0].items(ITEMS, { ms: 3 }), options),
    );
    const durable = new Watched<number>((options) =>
      pool.map("work", logs[1].items(ITEMS, { ms: 3 }), { ...options, mapId, chunksize: 1 }),
    );
    await plain.done(ITEMS / 8);
    await durable.done(ITEMS / 8);
    // It must know the map before the map is done and gone.
    await reader.ready(2);
    const handle = reader.attach(mapId);
    await until(() => handle.progress.done > 0, { what: "the attached handle to hear of the map" });

    await fault.hurt({ server, way });
    try {
      // It goes round the server that is away, and so does a map that begins now.
      await expectWhole(plain, doubled(ITEMS));
      await expectWhole(
        new Watched<number>((options) => pool.map("work", new RunLog().items(50), options)),
        doubled(50),
      );
    } finally {
      await fault.mend?.({ server, way });
    }
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
});
