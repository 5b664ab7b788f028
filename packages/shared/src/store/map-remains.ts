/** What a map has in Redis, looked at and removed from outside of its producer. */

import type { Cluster, Redis } from "ioredis";

import { MAP_TTL_MS, UNTOLD_SILENCE_MS } from "./keys/durations.ts";
import type { QueueKeys } from "./keys/keys.ts";

/** Whether somebody wants the map's outcomes. */
export async function isOpen(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<boolean> {
  return (await redis.exists(keys.done(mapId))) === 1;
}

/**
 * Whether nobody will fetch the outcomes of a map that no producer reports: the map is gone, or its producer died early.
 */
export async function isForsaken(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<boolean> {
  const leftMs = await redis.pttl(keys.done(mapId));
  if (leftMs === -2) return true;
  if (leftMs < 0 || leftMs >= MAP_TTL_MS - UNTOLD_SILENCE_MS) return false;
  return (await redis.exists(keys.meta(mapId))) === 0;
}

/** Whether Redis holds any trace of a map of this id. */
export async function isKnown(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<boolean> {
  return (await redis.exists(keys.done(mapId), keys.meta(mapId))) > 0;
}

/** Number of the map's jobs that have their outcome. */
export async function countDecided(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<number> {
  return await redis.bitcount(keys.done(mapId));
}

/**
 * Removes all that a map needs in order to continue. Its stream stays for a while, to tell a producer that comes back why
 * the map is gone.
 */
export async function removeMapKeys(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<void> {
  const [done, bytes, meta] = [keys.done(mapId), keys.in(mapId), keys.meta(mapId)];
  await redis.unlink(done, bytes, meta, keys.args(mapId), keys.failed(mapId));
  await redis.zrem(keys.kept, mapId);
  await redis.pexpire(keys.out(mapId), MAP_TTL_MS);
}

/** Removes the rest of a map: its stream, and its producer's reports. */
export async function forgetMap(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<void> {
  await redis.unlink(keys.out(mapId), keys.errors(mapId));
  await redis.zrem(keys.maps, mapId);
  await redis.hdel(keys.mapInfo, mapId);
}

/** Removes poolmq's own keys of a queue that nobody uses any more, and those of these maps. */
export async function removeQueueKeys(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapIds: Iterable<string>,
): Promise<void> {
  const ofMaps = [...mapIds].flatMap((id) => [
    keys.done(id),
    keys.out(id),
    keys.in(id),
    keys.meta(id),
    keys.args(id),
  ]);
  const { workers, workerInfo, workerDetail, idle, cancelled } = keys;
  await redis.unlink(workers, workerInfo, workerDetail, idle, cancelled, ...ofMaps);
}
