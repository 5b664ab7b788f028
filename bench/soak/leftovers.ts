import type { QueueKeys } from "@poolmq/shared/redis";
import { ForsakenJobs } from "@poolmq/worker/internal";
import type { Redis } from "ioredis";

import { processesOf } from "../../tests/support/nothing-left.ts";
import { until } from "../../tests/support/until.ts";

/** The keys that BullMQ keeps for a queue as a whole, whatever the number of maps. */
const OF_THE_QUEUE = ["meta", "id", "events", "marker", "pc"];

/**
 * Lets the queues be searched for jobs of which nobody knows any more, as their machines do each day. The faults make such
 * jobs: an old state of Redis brings back jobs of maps that have ended, and then somebody deletes the list of those jobs.
 * All producers and machines must have ended.
 */
export async function searchForsaken(redis: Redis, queues: readonly QueueKeys[]): Promise<void> {
  await Promise.all(
    queues.map(async (keys) => {
      // Says that a day has not yet gone by.
      await redis.unlink(keys.swept);
      const search = new ForsakenJobs({ redis, keys, isWanted: async () => false }, 0);
      const isDone = async (): Promise<boolean> => (await leftJobs(redis, keys)).length === 0;
      await until(isDone, { what: "the search", timeoutMs: 10_000, everyMs: 50 }).catch(() => {});
      search.close();
    }),
  );
}

async function leftJobs(redis: Redis, keys: QueueKeys): Promise<string[]> {
  const prefix = keys.job("");
  return (await leftovers(redis, [keys])).filter((key) => key.startsWith(prefix));
}

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
