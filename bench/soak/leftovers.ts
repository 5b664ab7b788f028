import type { QueueKeys } from "@poolmq/shared/redis";
import type { Redis } from "ioredis";

/** What BullMQ keeps of a queue as such: as many keys for a million maps as for one. */
const OF_THE_QUEUE = ["meta", "id", "events", "marker"];

/** Keys of a queue that nothing will ever remove: not of the queue as such, and without a TTL. With their type. */
export async function leftovers(redis: Redis, keys: QueueKeys): Promise<string[]> {
  const constant = new Set(OF_THE_QUEUE.map((name) => keys.job(name)));
  const found = (await redis.keys("*")).filter((key) => !constant.has(key));
  const described = await Promise.all(
    found.map(async (key) => {
      const [type, ttlMs] = [await redis.type(key), await redis.pttl(key)];
      return ttlMs === -1 ? [`${key} (${type})`] : [];
    }),
  );
  return described.flat().sort();
}
