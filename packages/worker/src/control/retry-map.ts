/** Runs the failed items of a durable map again. The steps in Redis are in the store's `retry-scripts.ts`. */

import {
  countDecided,
  DURABLE_TTL_MS,
  isOpen,
  jobIdOf,
  PRODUCER_SILENCE_MS,
  RetryScripts,
  rewriteMapReport,
} from "@poolmq/shared/redis";
import type { FailedEntry } from "@poolmq/shared/redis";

import type { QueueAccess } from "./queue-access.ts";

/** What became of a retry. */
export type Retried =
  | { readonly items: number }
  | { readonly problem: "not found" | "not durable" }
  /** The map has a producer, silent for `silentMs`, which has taken the failed outcomes and will take no new ones. */
  | { readonly problem: "running"; readonly silentMs: number };

export async function retryMap({ redis, keys, queue }: QueueAccess, mapId: string): Promise<Retried> {
  const retries = new RetryScripts(redis, keys);
  const { exists, delivered, silentMs, hasFailed } = await retries.look(mapId);
  if (!exists) return { problem: (await isOpen(redis, keys, mapId)) ? "not durable" : "not found" };
  if (!delivered && silentMs < PRODUCER_SILENCE_MS) return { problem: "running", silentMs };
  if (!hasFailed) return { items: 0 };
  const jobs = await countDecided(redis, keys, mapId);
  const since = await retries.reopen(mapId);
  let items = 0;
  for await (const entries of retries.failed(mapId, since)) {
    items += await enqueue(queue, retries, mapId, entries);
  }
  await rewriteMapReport(redis, keys, mapId, ({ reason: _, errors: __, ...before }) => [
    DURABLE_TTL_MS,
    {
      ...before,
      state: "running",
      done: Math.max(0, before.done - items),
      failed: Math.max(0, before.failed - items),
      running: items,
      perS: 0,
      // The number of jobs is known only if the input was read to its end.
      ...(delivered ? { jobs } : {}),
      unattended: true,
    },
  ]);
  return { items };
}

/** Gives how many items of these jobs are run again. */
async function enqueue(
  queue: QueueAccess["queue"],
  retries: RetryScripts,
  mapId: string,
  entries: readonly FailedEntry[],
): Promise<number> {
  // The other entries are taken back by a retry that runs at the same time.
  const ours = await retries.takeBack(mapId, entries);
  const jobs = ours.map(({ at, job: { task, data, opts } }) => ({
    name: task,
    data,
    opts: { ...opts, jobId: jobIdOf(mapId, at) },
  }));
  if (jobs.length > 0) await queue.addBulk(jobs);
  await retries.forget(mapId, ours);
  return ours.reduce((sum, { job: { data } }) => sum + data.n - (data.kept?.length ?? 0), 0);
}
