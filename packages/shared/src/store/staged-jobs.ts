/** The jobs of a queue that are staged: they wait for the turns of their maps, see `turns.ts`. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "./keys/keys.ts";
import { removeStaged } from "./remove-waiting.ts";

/** Gives how many jobs each map has staged. */
export async function countStaged(
  redis: Redis | Cluster,
  keys: QueueKeys,
): Promise<ReadonlyMap<string, number>> {
  const mapIds = await stagedMaps(redis, keys);
  const counts = await Promise.all(mapIds.map(async (id) => await redis.llen(keys.stage(id))));
  return new Map(mapIds.map((id, place) => [id, counts[place] ?? 0]));
}

/** Gives the ids of all jobs that are staged. */
export async function stagedJobs(redis: Redis | Cluster, keys: QueueKeys): Promise<string[]> {
  const mapIds = await stagedMaps(redis, keys);
  return (await Promise.all(mapIds.map(async (id) => await redis.lrange(keys.stage(id), 0, -1)))).flat();
}

/** Removes all staged jobs of a queue, and the accounts of its maps. For a queue that nobody uses any more. */
export async function removeAllStaged(redis: Redis | Cluster, keys: QueueKeys): Promise<void> {
  for (const id of await stagedMaps(redis, keys)) await removeStaged(redis, keys, id);
  await redis.unlink(keys.turns, keys.accounts);
}

/** Wakes a worker if jobs are staged. BullMQ wakes one when a queue is resumed, but only for jobs in its own lists. */
export async function wakeForStaged(redis: Redis | Cluster, keys: QueueKeys): Promise<void> {
  if ((await redis.exists(keys.turns)) === 1) await redis.zadd(keys.job("marker"), 0, "0");
}

async function stagedMaps(redis: Redis | Cluster, keys: QueueKeys): Promise<string[]> {
  const ids = await redis.zrange(keys.turns, "0", "-1");
  // `""` stands for BullMQ's own list.
  return ids.filter((id) => id !== "");
}
