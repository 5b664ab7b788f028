/** The BullMQ queue, as a producer uses it: adds jobs, counts them, removes them. */

import { classifyRefusal, refusedError } from "@poolmq/shared/internal";
import {
  Queue,
  addJobs,
  backupIdOf,
  countStaged,
  jobIdOf,
  plainJobs,
  prioritizeWaiting,
  removeAllStaged,
  tellPriority,
} from "@poolmq/shared/redis";
import type { Limit } from "@poolmq/shared";
import type { GatherScripts, QueueKeys } from "@poolmq/shared/redis";
import type { QueueOptions } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import type { Chunk } from "../input/chunk.ts";
import type { Meter } from "../map/meter.ts";
import type { GatheredMap } from "./kinds/gathered-map.ts";
import { findLost } from "./kinds/reconcile.ts";
import { HandedJobs } from "./handed-jobs.ts";
import { refusalDelays } from "../redis/retry-refused.ts";
import type { Seals } from "../signing/seals.ts";
import { toJob } from "./to-job.ts";

/** Jobs that are removed at a time. */
const BATCH = 500;

interface JobsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly scripts: GatherScripts;
  readonly seals: Seals;
  readonly meter: Meter;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export class Jobs {
  readonly #options: JobsOptions;
  readonly #queue: Queue;
  /** A second queue object, whose jobs are staged. Made if it is needed. */
  #staging: Queue | undefined;
  readonly #handed: HandedJobs;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#queue = this.#open(false);
    this.#handed = new HandedJobs(options.redis, options.keys);
  }

  /** @param stages - jobs are staged even if their map is alone */
  #open(stages: boolean): Queue {
    const { redis, keys } = this.#options;
    const queueOptions: QueueOptions = {
      connection: redis,
      prefix: keys.bullPrefix,
      // Nobody reads BullMQ's events: outcomes have a stream of their own.
      streams: { events: { maxLen: 0 } },
    };
    const queue = new Queue(keys.bullName, queueOptions, plainJobs(redis, undefined, stages));
    queue.on("error", (error) => this.#options.warn({ err: error }, "queue error"));
    return queue;
  }

  /**
   * Adds a job for each chunk, however often Redis refuses. Gives up only if the map ends or the refusal does not pass.
   */
  async add(gathered: GatheredMap, chunks: readonly Chunk[]): Promise<void> {
    const { map } = gathered;
    let missing = chunks;
    let refused = false;
    for (const delays = refusalDelays(); missing.length > 0 && !map.ended;) {
      try {
        // After a bulk that failed, some of its jobs may have been added, and some may have run.
        if (refused) missing = await findLost(gathered, missing, this.#options.scripts);
        await this.#addOnce(gathered, missing);
        return;
      } catch (error) {
        if (map.ended) return;
        if (!classifyRefusal(error).passes) throw refusedError(error);
        refused = true;
        const facts = { mapId: map.id, jobs: missing.length, err: error };
        this.#options.warn(facts, "enqueuing refused, trying again");
      }
      await delays.next();
    }
  }

  async #addOnce(gathered: GatheredMap, asked: readonly Chunk[]): Promise<void> {
    const { map, kind } = gathered;
    // The memory of a chunk's bytes is freed once its outcome came, which may happen while it is about to be added again.
    const chunks = asked.filter(({ bytes }) => bytes?.length !== 0);
    const { scripts, seals, meter } = this.#options;
    for (const chunk of chunks) meter.sent(chunk);
    const withBytes = chunks.flatMap(({ at, bytes }) => (bytes === undefined ? [] : [{ at, bytes }]));
    // The bytes are written first, because a job could not be run without them.
    if (withBytes.length > 0) await scripts.putBytes(map.id, withBytes, kind.traits.ttlMs);
    if (map.ended) return;
    const queue = kind.traits.stages ? (this.#staging ??= this.#open(true)) : this.#queue;
    const jobs = chunks.map((chunk) => toJob(map, kind, chunk, seals));
    await gathered.openWith(async (opening) => {
      const isHanded = await addJobs(queue, jobs, opening);
      if (isHanded) this.#handed.add(map, chunks, jobIdOf);
    });
  }

  /** Adds a backup for each chunk. The bytes of their arguments stay in Redis as long as they have no outcome. */
  async addBackups({ map, kind }: GatheredMap, chunks: readonly Chunk[]): Promise<void> {
    const { seals } = this.#options;
    const jobs = chunks.map((chunk) => toJob(map, kind, chunk, seals, true));
    if (await addJobs(this.#queue, jobs)) this.#handed.add(map, chunks, backupIdOf);
  }

  /**
   * Removes jobs. Gives the ids of those that could not be removed.
   *
   * @param limit - the limit for whose permits they may wait
   */
  async remove(ids: readonly string[], limit: Limit | undefined): Promise<string[]> {
    const { redis, keys } = this.#options;
    const left: string[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = ids.slice(start, start + BATCH);
      const removed = await Promise.all(batch.map((id) => this.#queue.remove(id).catch(() => 0)));
      left.push(...batch.filter((_, i) => removed[i] === 0));
      if (limit === undefined) continue;
      const gone = batch.filter((_, i) => removed[i] !== 0);
      if (gone.length === 0) continue;
      // BullMQ does not know that they are in line for a permit.
      await Promise.all([keys.limited, keys.limitWaiting(limit.key)].map((set) => redis.zrem(set, ...gone)));
    }
    return left;
  }

  /** Gives the ids of those jobs that are still there. */
  async existing(ids: readonly string[]): Promise<string[]> {
    const { redis, keys } = this.#options;
    const found: string[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = ids.slice(start, start + BATCH);
      const exist = await Promise.all(batch.map((id) => redis.exists(keys.job(id))));
      found.push(...batch.filter((_, i) => exist[i] === 1));
    }
    return found;
  }

  /** Sets the priority of a map's waiting jobs and, if `tells`, of those that another process sends for it. */
  async setPriority(mapId: string, priority: number | undefined, tells: boolean): Promise<void> {
    const { redis, keys, seals } = this.#options;
    const order = { t: "priority", map: mapId, priority: priority ?? 0 } as const;
    if (tells) await tellPriority(redis, keys, mapId, seals.control(order));
    await prioritizeWaiting(redis, keys, mapId, priority);
  }

  /** Numbers of jobs that wait and that run, of all producers on the queue. */
  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const { redis, keys } = this.#options;
    const [counts, staged] = await Promise.all([
      this.#queue.getJobCounts("wait", "prioritized", "delayed", "active"),
      countStaged(redis, keys),
    ]);
    const { wait = 0, prioritized = 0, delayed = 0 } = counts;
    return {
      waiting: wait + prioritized + delayed + [...staged.values()].reduce((sum, n) => sum + n, 0),
      active: counts["active"] ?? 0,
    };
  }

  /** Removes everything that BullMQ keeps of the queue. */
  async obliterate(): Promise<void> {
    await this.#queue.obliterate({ force: true });
    await removeAllStaged(this.#options.redis, this.#options.keys);
  }

  async close(): Promise<void> {
    this.#handed.close();
    await Promise.all([this.#queue.close(), this.#staging?.close()]);
  }
}
