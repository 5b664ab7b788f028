/** Reads one failed job of a map, with everything that its items need to run again. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../keys/keys.ts";
import type { FailedJob } from "../../wire.ts";

/** A failed job, as it is in Redis. */
export interface StoredFailedJob {
  readonly job: FailedJob;
  /** The bytes that its arguments name; `null` if it names none, or they are gone. */
  readonly bytes: Buffer | null;
  /** By the position in every tuple: the id of a shared value, and its content; `null` if that is gone. */
  readonly shares: readonly (readonly [position: number, id: string, stored: Buffer | null])[];
}

/**
 * Gives the failed job of a map that has the item with this index.
 *
 * @returns `undefined` if no failed job has it: the item did not fail, or the map kept no failed jobs
 */
export async function readFailedJob(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  index: number,
): Promise<StoredFailedJob | undefined> {
  const failed = keys.failed(mapId);
  // A job is named by its first item. The one that has the item is the last to begin at or before it.
  const starts = (await redis.hkeys(failed)).map(Number).filter((at) => at <= index);
  if (starts.length === 0) return undefined;
  const at = starts.reduce((latest, start) => Math.max(latest, start));
  const entry = await redis.hget(failed, String(at));
  if (entry === null) return undefined;
  const job = JSON.parse(entry.slice(entry.indexOf(" ") + 1)) as FailedJob;
  if (index >= at + job.data.n) return undefined;
  const bytes = job.data.bytes === undefined ? null : await redis.hgetBuffer(keys.in(mapId), String(at));
  const shares = await Promise.all(
    (job.data.shares ?? []).map(
      async ([position, id]) => [position, id, await redis.getBuffer(keys.share(id))] as const,
    ),
  );
  return { job, bytes, shares };
}
