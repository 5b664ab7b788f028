/**
 * Ends a map, or runs its failed items again, from outside of its producer. A door of its own, for the project's tools
 * and tests: it needs BullMQ, which the other doors do without.
 *
 *   cancel:  out ◀── "cancel" ── here        its producer reads it, and ends the map as its own cancel() does
 *            if it does not:   keys of the map go, jobs are removed, machines are told to stop what runs
 *
 *   retry:   the steps are in `retry-scripts.ts`
 */

import { setTimeout as delay } from "node:timers/promises";

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import {
  askToCancel,
  DURABLE_TTL_MS,
  jobIdOf,
  MAP_TTL_MS,
  plainJobs,
  PRODUCER_SILENCE_MS,
  queueKeys,
  readMapReport,
  redisNowMs,
  removeWaiting,
  RetryScripts,
  rewriteMapReport,
  tellCancelled,
} from "@poolmq/shared/redis";
import type { SigningKeys } from "@poolmq/shared/internal";
import type { FailedEntry, QueueKeys } from "@poolmq/shared/redis";

import { Orders } from "./orders.ts";

/**
 * What became of a cancel: the map's producer ended it; it was removed here, since it has no producer; there is none that
 * could be ended; its producer lives, and did not answer; it is signed, and this is not.
 */
export type Cancelled = "by its producer" | "removed" | "not found" | "no answer" | "no key";

/** What became of a retry. */
export type Retried =
  | { readonly items: number }
  | { readonly problem: "not found" | "not durable" }
  /** Its producer, which was heard of so long ago, has taken the failed outcomes and will not take others. */
  | { readonly problem: "running"; readonly silentMs: number };

/** A producer that lives reads its streams all the time. */
const PRODUCER_TIMEOUT_MS = 2_000;
const POLL_MS = 20;

export class MapControl {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #queue: Queue;
  readonly #retries: RetryScripts;
  readonly #orders: Orders;
  readonly #by: string;

  /**
   * The connection stays the caller's.
   *
   * @param options - `signingKeys`: where the queue's producers and workers have some. `by`: who asks for it, for the
   * machines' logs
   */
  constructor(
    redis: Redis | Cluster,
    options: {
      readonly queue: string;
      readonly prefix?: string | undefined;
      readonly signingKeys?: SigningKeys | undefined;
      readonly by?: string;
    },
  ) {
    this.#redis = redis;
    this.#keys = queueKeys(options.queue, options.prefix);
    this.#retries = new RetryScripts(redis, this.#keys);
    this.#orders = new Orders(redis, this.#keys, options.signingKeys);
    this.#by = options.by ?? "somebody";
    // Looks and changes jobs, and leaves nothing of its own behind.
    const bull = { connection: redis, prefix: this.#keys.bullPrefix, skipMetasUpdate: true };
    this.#queue = new Queue(this.#keys.bullName, bull, plainJobs(redis));
    this.#queue.on("error", () => {}); // the one who asks is told
  }

  /**
   * Ends a map: its producer's handle rejects with a `CancelledError`, what waits is removed, what runs is stopped.
   *
   * @param force - do not ask a producer that lives: it enqueues again what it misses, unless it has hung
   */
  async cancel(
    mapId: string,
    reason: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<Cancelled> {
    const cancelled = await this.#cancel(mapId, reason, force);
    const isDone = cancelled === "by its producer" || cancelled === "removed";
    if (isDone) await this.#note(`cancelled the map ${mapId}`);
    return cancelled;
  }

  async #cancel(mapId: string, reason: string, force: boolean): Promise<Cancelled> {
    const done = this.#keys.done(mapId);
    if ((await this.#redis.exists(done)) === 0) return "not found";
    if (await this.#orders.lackKey()) return "no key";
    const message = this.#orders.signed({ t: "cancel", map: mapId, reason });
    await askToCancel(this.#redis, this.#keys, mapId, message);
    const deadline = performance.now() + PRODUCER_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if ((await this.#redis.exists(done)) === 0) return "by its producer";
      await delay(POLL_MS);
    }
    if (!force && (await this.isAttended(mapId))) return "no answer";
    await this.remove(mapId);
    await rewriteMapReport(this.#redis, this.#keys, mapId, (before) => {
      return [MAP_TTL_MS, { ...before, state: "cancelled", running: 0, reason }];
    });
    return "removed";
  }

  /**
   * Runs those items of a durable map again that failed. Who attaches to it, or makes the same call, gets their new
   * outcomes with the others.
   */
  async retry(mapId: string): Promise<Retried> {
    const { exists, delivered, silentMs, hasFailed } = await this.#retries.look(mapId);
    if (!exists) {
      const plain = (await this.#redis.exists(this.#keys.done(mapId))) === 1;
      return { problem: plain ? "not durable" : "not found" };
    }
    if (!delivered && silentMs < PRODUCER_SILENCE_MS) return { problem: "running", silentMs };
    if (!hasFailed) return { items: 0 };
    const jobs = await this.#redis.bitcount(this.#keys.done(mapId));
    const since = await this.#retries.reopen(mapId);
    let items = 0;
    for await (const entries of this.#retries.failed(mapId, since)) {
      items += await this.#enqueue(mapId, entries);
    }
    await rewriteMapReport(this.#redis, this.#keys, mapId, ({ reason: _, errors: __, ...before }) => [
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
    await this.#note(`ran ${items} failed items of the map ${mapId} again`);
    return { items };
  }

  /** Whether the map's producer was heard of a moment ago. */
  async isAttended(mapId: string): Promise<boolean> {
    const [text, nowMs] = await Promise.all([
      this.#redis.hget(this.#keys.mapInfo, mapId),
      redisNowMs(this.#redis),
    ]);
    const told = text === null ? undefined : readMapReport(text);
    if (told === undefined || told.report.state !== "running" || told.report.unattended === true)
      return false;
    return nowMs - told.toldAtMs < PRODUCER_SILENCE_MS;
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #note(what: string): Promise<void> {
    await this.#orders.send({ t: "notice", what, by: this.#by });
  }

  async #enqueue(mapId: string, entries: readonly FailedEntry[]): Promise<number> {
    // The other entries are taken back by a retry that runs at the same time.
    const ours = await this.#retries.takeBack(mapId, entries);
    const jobs = ours.map(({ at, job: { task, data, opts } }) => ({
      name: task,
      data,
      opts: { ...opts, jobId: jobIdOf(mapId, at) },
    }));
    if (jobs.length > 0) await this.#queue.addBulk(jobs);
    await this.#retries.forget(mapId, ours);
    return ours.reduce((sum, { job: { data } }) => sum + data.n - (data.kept?.length ?? 0), 0);
  }

  /** Removes a map whose producer does not answer. Gives how many of its jobs waited. */
  async remove(mapId: string): Promise<number> {
    const keys = this.#keys;
    const [done, bytes, meta] = [keys.done(mapId), keys.in(mapId), keys.meta(mapId)];
    await this.#redis.unlink(done, bytes, meta, keys.args(mapId), keys.failed(mapId));
    await this.#redis.zrem(keys.kept, mapId);
    // The stream stays for a while: it tells a producer that comes back why its map has ended.
    await this.#redis.pexpire(keys.out(mapId), MAP_TTL_MS);
    await tellCancelled(this.#redis, keys, mapId, this.#orders.signed({ t: "cancel", map: mapId }));
    // A job that a worker has taken meanwhile is not removed: that worker drops it.
    return await removeWaiting(this.#redis, keys, mapId, await this.#sortedIndices(mapId));
  }

  /** First indices of those of the map's jobs that wait in their order of priority, or for another attempt. */
  async #sortedIndices(mapId: string): Promise<number[]> {
    const found = new Set<number>();
    for (let start = 0; ; start += PAGE) {
      const ids = await this.#queue.getRanges(["prioritized", "delayed"], start, start + PAGE - 1, true);
      if (ids.length === 0) return [...found];
      for (const id of ids) {
        const dash = id.lastIndexOf("-");
        if (id.slice(0, dash) === mapId) found.add(Number(id.slice(dash + 1)));
      }
    }
  }
}

/** Ids that are looked through at a time. */
const PAGE = 10_000;
