/**
 * Ends a map from outside of its producer.
 *
 *   out ◀── "cancel" ── here        its producer reads it, and ends the map as its own cancel() does
 *   if it lives and does not: the request is taken back
 *   if it is gone:    keys of the map go, jobs are removed, machines are told to stop what runs
 */

import { setTimeout as delay } from "node:timers/promises";

import { unlessFull } from "@poolmq/shared/internal";
import {
  askToCancel,
  isOpen,
  MAP_TTL_MS,
  PRODUCER_SILENCE_MS,
  readReportOf,
  redisNowMs,
  removeMapKeys,
  removeWaiting,
  rewriteMapReport,
  tellCancelled,
} from "@poolmq/shared/redis";

import type { QueueAccess } from "./queue-access.ts";

/**
 * What became of a cancel, in the order of these values: the map's producer ended it; the map was removed from here,
 * since its producer is gone; there is no map to end; its producer lives and did not answer; the queue takes only signed
 * orders, and there is no key to sign with.
 */
export type Cancelled = "by its producer" | "removed" | "not found" | "no answer" | "no key";

/** How long to wait for the producer's answer, in ms: a live producer reads its streams all the time. */
const PRODUCER_TIMEOUT_MS = 2_000;
const POLL_MS = 20;

/** Ids that are looked through at a time. */
const PAGE = 10_000;

/** @param force - do not ask a producer that lives */
export async function cancelMap(
  access: QueueAccess,
  mapId: string,
  reason: string,
  force: boolean,
): Promise<Cancelled> {
  const { redis, keys, orders } = access;
  if (!(await isOpen(redis, keys, mapId))) return "not found";
  if (await orders.lackKey()) return "no key";
  const takeBack = await askToCancel(redis, keys, mapId, orders.signed({ t: "cancel", map: mapId, reason }));
  const deadline = performance.now() + PRODUCER_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (!(await isOpen(redis, keys, mapId))) return "by its producer";
    await delay(POLL_MS);
  }
  if (!force && (await isAttended(access, mapId))) {
    // Otherwise a program that attaches to the map later would find the request, of which it was said that it had failed.
    await takeBack();
    return (await isOpen(redis, keys, mapId)) ? "no answer" : "by its producer";
  }
  await removeMap(access, mapId);
  const nowMs = await redisNowMs(redis);
  // A map that was kept for a retry has already ended, and keeps its last report.
  const told = await readReportOf(redis, keys, mapId);
  if (told?.report.state !== "running") return "removed";
  await rewriteMapReport(redis, keys, mapId, (before) => {
    const { done, startedAtMs = nowMs } = before;
    // The rate over the map's whole time, as for any map that has ended.
    const perS = done / Math.max(0.001, (nowMs - startedAtMs) / 1_000);
    return [MAP_TTL_MS, { ...before, state: "cancelled", running: 0, perS, reason }];
  });
  return "removed";
}

/** Whether the map's producer was heard of a moment ago. */
export async function isAttended({ redis, keys }: QueueAccess, mapId: string): Promise<boolean> {
  const [told, nowMs] = await Promise.all([readReportOf(redis, keys, mapId), redisNowMs(redis)]);
  if (told === undefined || told.report.state !== "running" || told.report.unattended === true) return false;
  return nowMs - told.toldAtMs < PRODUCER_SILENCE_MS;
}

/** Removes a map whose producer does not answer. Gives how many of its jobs waited. */
export async function removeMap({ redis, keys, queue, orders }: QueueAccess, mapId: string): Promise<number> {
  await removeMapKeys(redis, keys, mapId);
  const tell = async (): Promise<void> =>
    await tellCancelled(redis, keys, mapId, orders.signed({ t: "cancel", map: mapId }));
  const isTold = await unlessFull(tell());
  // A job that a worker has fetched meanwhile is not removed here: that worker drops it.
  const removed = await removeWaiting(redis, keys, mapId, await sortedIndices(queue, mapId));
  // If Redis was full, removing the jobs may have made room: try again.
  if (!isTold) await unlessFull(tell());
  return removed;
}

/**
 * First indices of the map's jobs that are in BullMQ's sorted sets: those with a priority, and those that wait for
 * another attempt.
 */
async function sortedIndices(queue: QueueAccess["queue"], mapId: string): Promise<number[]> {
  const found = new Set<number>();
  for (let start = 0; ; start += PAGE) {
    const ids = await queue.getRanges(["prioritized", "delayed"], start, start + PAGE - 1, true);
    if (ids.length === 0) return [...found];
    for (const id of ids) {
      const dash = id.lastIndexOf("-");
      if (id.slice(0, dash) === mapId) found.add(Number(id.slice(dash + 1)));
    }
  }
}
