/** Faults of Redis as a whole: it is away, empty, slow, or refuses. They come one after the other. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { signalTo } from "../actors/actor.ts";
import { picked, untilObeyed } from "./fault.ts";
import type { How, Lane, Stage } from "./fault.ts";

/** For faults that always find something to hit. */
function always(
  inject: (stage: Stage, how: How) => Promise<unknown>,
): (stage: Stage, how: How) => Promise<true> {
  return async (stage, how) => {
    await inject(stage, how);
    return true;
  };
}

/** Far less than even an empty Redis takes: every write is refused. */
const FULL = "1mb";

/** A little more than the time in which a map looks for what it misses, in ms. */
const RECONCILE_MS = 4_000;

/** Whether a command is a reconcile: its keys are a bitmap and a stream, and then comes the prefix of jobs. */
function isReconcile([name = "", , count, done = "", out = "", prefix = ""]: readonly string[]): boolean {
  return (
    /^eval(sha)?$/i.test(name) &&
    count === "2" &&
    done.endsWith(":done") &&
    out.endsWith(":out") &&
    prefix.endsWith("-")
  );
}

export const OF_REDIS: Lane = {
  everyMs: 6_000,
  faults: [
    {
      kind: "Redis killed, restarted with its AOF",
      weight: 3,
      inject: always(async ({ redis }) => redis.restart()),
    },
    {
      kind: "Redis away",
      weight: 1,
      forMs: [1_000, 5_000],
      inject: always(async ({ redis }, { forMs }) => {
        await redis.kill();
        await delay(forMs);
        await redis.restart();
      }),
    },
    {
      kind: "Redis restarted without data",
      weight: 1,
      inject: always(async ({ redis }) => {
        await redis.kill();
        rmSync(join(redis.folder, "appendonlydir"), { recursive: true, force: true });
        await redis.restart();
      }),
    },
    {
      kind: "FLUSHALL",
      weight: 2,
      inject: always(async ({ redis }) => untilObeyed(() => redis.admin.flushall())),
    },
    {
      kind: "FLUSHALL in the middle of reconcile",
      weight: 2,
      inject: async ({ redis, proxy }, { pick }) => {
        if (!(await proxy.seen(isReconcile, RECONCILE_MS))) return false;
        // The fault comes before the reply, or between the steps that follow it.
        await delay(3 * pick);
        await untilObeyed(() => redis.admin.flushall());
        return true;
      },
    },
    {
      kind: "CLIENT PAUSE",
      weight: 2,
      forMs: [300, 2_000],
      inject: always(async ({ redis }, { forMs, pick }) =>
        untilObeyed(() => redis.admin.call("CLIENT", "PAUSE", String(forMs), pick < 0.5 ? "ALL" : "WRITE")),
      ),
    },
    {
      kind: "DEBUG SLEEP",
      weight: 1,
      forMs: [300, 1_500],
      inject: always(async ({ redis }, { forMs }) =>
        untilObeyed(() => redis.admin.call("DEBUG", "SLEEP", String(forMs / 1_000))),
      ),
    },
    {
      kind: "Redis frozen",
      weight: 1,
      forMs: [300, 4_000],
      inject: always(async ({ redis }, { forMs }) => {
        signalTo(redis.pid, "SIGSTOP");
        await delay(forMs);
        signalTo(redis.pid, "SIGCONT");
      }),
    },
    {
      kind: "DEBUG RELOAD",
      weight: 1,
      inject: always(async ({ redis }) => untilObeyed(() => redis.admin.call("DEBUG", "RELOAD"))),
    },
    {
      // The other server holds the state of the last time: jobs of maps that have ended since, and outcomes that were
      // read.
      kind: "an old state of Redis comes back",
      weight: 1,
      inject: always(async ({ redis }) => untilObeyed(() => redis.admin.call("SWAPDB", "0", "1"))),
    },
    {
      kind: "maxmemory reached",
      weight: 2,
      forMs: [300, 2_000],
      inject: always(async ({ redis }, { forMs }) => {
        await untilObeyed(() => redis.admin.config("SET", "maxmemory", FULL));
        await delay(forMs);
        await untilObeyed(() => redis.admin.config("SET", "maxmemory", "0"));
      }),
    },
    {
      kind: "maxmemory reached and not, in turns",
      weight: 2,
      forMs: [500, 3_000],
      inject: always(async ({ redis }, { forMs, pick }) => {
        for (const end = performance.now() + forMs; performance.now() < end;) {
          await untilObeyed(() => redis.admin.config("SET", "maxmemory", FULL));
          await delay(10 + 100 * pick);
          await untilObeyed(() => redis.admin.config("SET", "maxmemory", "0"));
          await delay(20);
        }
      }),
    },
    {
      kind: "primary demoted, promoted",
      weight: 1,
      forMs: [300, 1_500],
      inject: always(async ({ redis }, { forMs }) => {
        // As a replica of a primary that does not exist, it keeps its data and refuses writes.
        await untilObeyed(() => redis.admin.replicaof("127.0.0.1", 1));
        await delay(forMs);
        await untilObeyed(() => redis.admin.replicaof("NO", "ONE"));
      }),
    },
  ],
};

/** Redis commands that hit clients and scripts, but no data. */
export const OF_CLIENTS: Lane = {
  everyMs: 3_500,
  faults: [
    {
      kind: "SCRIPT FLUSH",
      weight: 3,
      inject: ordered(async ({ redis }) => untilObeyed(() => redis.admin.script("FLUSH"))),
    },
    {
      kind: "CLIENT KILL every 50 ms",
      weight: 2,
      forMs: [200, 2_500],
      inject: ordered(async ({ redis }, { forMs }) => {
        for (const end = performance.now() + forMs; performance.now() < end; await delay(50)) {
          await untilObeyed(() => redis.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"));
          await untilObeyed(() => redis.admin.call("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"));
        }
      }),
    },
    {
      kind: "one client killed",
      weight: 2,
      inject: ordered(async ({ redis }, { pick }) => {
        const clients = String(await redis.admin.call("CLIENT", "LIST", "TYPE", "normal").catch(() => ""))
          .trim()
          .split("\n");
        const id = /\bid=(\d+)/.exec(picked(clients, pick) ?? "")?.[1];
        if (id !== undefined)
          await untilObeyed(() => redis.admin.call("CLIENT", "KILL", "ID", id, "SKIPME", "yes"));
      }),
    },
  ],
};

/** Runs a command while Redis is up. */
function ordered(
  inject: (stage: Stage, how: How) => Promise<unknown>,
): (stage: Stage, how: How) => Promise<true> {
  return async (stage, how) => {
    await stage.redisBack();
    await inject(stage, how);
    return true;
  };
}
