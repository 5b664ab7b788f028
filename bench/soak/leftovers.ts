import type { QueueKeys } from "@poolmq/shared/redis";
import type { Redis } from "ioredis";

import { processesOf } from "../../tests/support/nothing-left.ts";
import { until } from "../../tests/support/until.ts";

/** The keys that BullMQ keeps for a queue as a whole, whatever the number of maps. */
const OF_THE_QUEUE = ["meta", "id", "events", "marker", "pc"];

/**
 * Gives, with their types, the keys of queues that nothing will ever remove: those without a TTL, except those of the
 * queue as a whole.
 */
export async function leftovers(redis: Redis, queues: readonly QueueKeys[]): Promise<string[]> {
  const constant = new Set(queues.flatMap((keys) => OF_THE_QUEUE.map((name) => keys.job(name))));
  const found = (await redis.keys("*")).filter((key) => !constant.has(key));
  const described = await Promise.all(
    found.map(async (key) => {
      const [type, ttlMs] = [await redis.type(key), await redis.pttl(key)];
      if (ttlMs !== -1) return [];
      // The fields of a left job say how far it came.
      const fields = type === "hash" ? await redis.hgetall(key) : {};
      const told = Object.entries(fields).map(([field, value]) => `${field}=${value.slice(0, 40)}`);
      return [`${key} (${[type, ...told].join(", ")})`];
    }),
  );
  return described.flat().sort();
}

/** Gives the processes that still use this folder, after waiting some time for them to end. */
export async function leftProcesses(folder: string): Promise<string[]> {
  const left = (): string[] => processesOf(folder).map(({ what }) => what);
  await until(() => left().length === 0, { what: "their end", timeoutMs: 10_000, everyMs: 100 }).catch(
    () => {},
  );
  return left();
}
