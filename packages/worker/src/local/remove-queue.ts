import { isPrivateQueueName } from "@poolmq/shared/internal";
import {
  Queue,
  connect,
  destroyConnection,
  jobsOfQueue,
  queueKeys,
  removeAllStaged,
  removeQueueKeys,
} from "@poolmq/shared/redis";

import type { ResolvedWorkerOptions, Shard } from "../worker-options.ts";

/**
 * Removes what a private queue left in Redis after its pool has died. Does nothing to a queue that a user has named. Maps
 * without jobs are not found here; they expire.
 */
export async function removePrivateQueue({
  shards,
  queue,
  prefix,
  connectTimeoutMs,
}: Pick<ResolvedWorkerOptions, "shards" | "queue" | "prefix" | "connectTimeoutMs">): Promise<void> {
  if (!isPrivateQueueName(queue)) return;
  await Promise.allSettled(
    shards.map(async (shard) => await removeFrom(shard, { prefix, connectTimeoutMs })),
  );
}

async function removeFrom(
  { connection, queue }: Shard,
  { prefix, connectTimeoutMs }: Pick<ResolvedWorkerOptions, "prefix" | "connectTimeoutMs">,
): Promise<void> {
  const redis = await connect(connection, { role: "commands", name: "clean-up", connectTimeoutMs });
  try {
    const keys = queueKeys(queue, prefix);
    const jobs = await jobsOfQueue(redis, keys);
    const maps = new Set(jobs.map((id) => id.slice(0, id.lastIndexOf("-"))));
    const bull = new Queue(keys.bullName, { connection: redis, prefix: keys.bullPrefix });
    await bull.obliterate({ force: true });
    await bull.close();
    await removeAllStaged(redis, keys);
    await removeQueueKeys(redis, keys, maps);
  } finally {
    destroyConnection(redis);
  }
}
