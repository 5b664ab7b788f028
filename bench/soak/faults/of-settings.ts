/**
 * Settings of Redis that somebody changes during the work, for a while. Each makes Redis refuse commands, or end
 * connections.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { untilObeyed } from "./fault.ts";
import type { Fault, Lane, Stage } from "./fault.ts";

/** Changes a setting, and restores the default. */
function set(name: string, value: string, back: string): Fault["inject"] {
  return async (stage, { forMs }) => {
    await stage.redisBack();
    const { admin } = stage.redis;
    await untilObeyed(() => admin.config("SET", name, value));
    await delay(forMs);
    // Redis may have been restarted meanwhile, in the state of that moment.
    await untilObeyed(() => admin.config("SET", name, back));
    return true;
  };
}

/** A script runs for too long: Redis answers BUSY to all else until it is killed. */
async function busy({ redis, redisBack }: Stage, forMs: number): Promise<boolean> {
  await redisBack();
  const { admin } = redis;
  await untilObeyed(() => admin.config("SET", "lua-time-limit", "1"));
  // These connections can be opened even while Redis is busy.
  const [endless, killer] = [0, 1].map(() => admin.duplicate({ enableReadyCheck: false }));
  for (const client of [endless, killer]) client?.on("error", () => {});
  let isOver = false;
  const over = endless
    ?.eval("while true do end", 0)
    .catch(() => {})
    .finally(() => (isOver = true));
  await delay(forMs);
  // The script may not have begun yet.
  while (!isOver) {
    await delay(20);
    await killer?.call("SCRIPT", "KILL").catch(() => {});
  }
  await over;
  for (const client of [endless, killer]) client?.disconnect();
  await untilObeyed(() => admin.config("SET", "lua-time-limit", "5000"));
  return true;
}

/** Redis can't save its data, and refuses writes while that fails. */
async function unsaved({ redis, redisBack }: Stage, forMs: number): Promise<boolean> {
  await redisBack();
  const { admin, folder } = redis;
  const file = join(folder, "dump.rdb");
  // Put a folder in the place of the file, which an earlier save may have written.
  rmSync(file, { recursive: true, force: true });
  mkdirSync(join(file, "in the way"), { recursive: true });
  try {
    await untilObeyed(() => admin.config("SET", "save", "3600 1000000"));
    await admin.call("BGSAVE").catch(() => {});
    await delay(forMs);
  } finally {
    rmSync(file, { recursive: true, force: true });
  }
  await untilObeyed(() => admin.config("SET", "save", ""));
  return true;
}

const FOR_MS = [200, 2_500] as const;

export const OF_SETTINGS: Lane = {
  everyMs: 4_000,
  faults: [
    { kind: "too few replicas", weight: 2, forMs: FOR_MS, inject: set("min-replicas-to-write", "1", "0") },
    { kind: "idle clients are closed", weight: 1, forMs: FOR_MS, inject: set("timeout", "1", "0") },
    { kind: "no more clients", weight: 1, forMs: FOR_MS, inject: set("maxclients", "1", "10000") },
    {
      kind: "replies are bounded",
      weight: 1,
      forMs: FOR_MS,
      inject: set("client-output-buffer-limit", "normal 1048576 1048576 1", "normal 0 0 0"),
    },
    {
      kind: "small encodings",
      weight: 0.5,
      forMs: FOR_MS,
      inject: set("stream-node-max-entries", "1", "100"),
    },
    { kind: "BUSY", weight: 2, forMs: [100, 1_500], inject: (stage, { forMs }) => busy(stage, forMs) },
    { kind: "MISCONF", weight: 1, forMs: FOR_MS, inject: (stage, { forMs }) => unsaved(stage, forMs) },
  ],
};
