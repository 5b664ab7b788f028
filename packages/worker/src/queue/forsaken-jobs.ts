/**
 * Jobs that nobody knows of any more. If a producer dies, machines drop its jobs when they fetch them. But if somebody
 * deletes the list in which these jobs wait, or the turns of their maps, no machine ever fetches them, and Redis would keep
 * them for ever.
 */

import { clearTimeout, setTimeout } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import { repeatWhenAnswered } from "@poolmq/shared/internal";
import { expireJobs, expireStages, scanKeys } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

/** How often a queue is searched for them, in ms. One of its machines does it each time. */
const EVERY_MS = 24 * 60 * 60_000;
/**
 * A machine searches for the first time after it has served this long, in ms, so that short-lived machines leave it to
 * others.
 */
const FIRST_MS = 60_000;

interface QueueInRedis {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  /** Whether somebody who is alive wants a map's outcomes, or will. */
  readonly isWanted: (mapId: string) => Promise<boolean>;
}

export class ForsakenJobs {
  readonly #queue: QueueInRedis;
  readonly #everyMs: number;
  readonly #first: NodeJS.Timeout;
  #repeated: { stop(): void } | undefined;
  #isClosed = false;

  constructor(queue: QueueInRedis, firstMs: number = FIRST_MS, everyMs: number = EVERY_MS) {
    this.#queue = queue;
    this.#everyMs = everyMs;
    this.#first = setTimeout(() => {
      void this.#look();
      this.#repeated = repeatWhenAnswered(everyMs, async () => await this.#look());
    }, firstMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#first);
    this.#repeated?.stop();
  }

  async #look(): Promise<void> {
    const { redis, keys } = this.#queue;
    try {
      // Only one machine searches each time: the key is there for the others, and gone when this one looks again.
      const keptMs = Math.round(this.#everyMs * 0.9);
      if ((await redis.set(keys.swept, "1", "PX", keptMs, "NX")) === null) return;
      await this.#expireAll();
    } catch {
      // Redis is away, or its login may not SCAN, as those of `poolmq acl`: they would read the names of all keys.
    }
  }

  async #expireAll(): Promise<void> {
    const { redis, keys } = this.#queue;
    const prefix = keys.job("");
    const wanted = new Map<string, Promise<boolean>>();
    for await (const found of scanKeys(redis, `${prefix}*-*`)) {
      const ids = found.map((key) => key.slice(prefix.length));
      const isForsaken = await Promise.all(ids.map(async (id) => await this.#isForsaken(id, wanted)));
      const forsaken = ids.filter((_, i) => isForsaken[i]);
      await expireJobs(redis, keys, forsaken);
      await expireStages(redis, keys, new Set(forsaken.flatMap((id) => mapIdOf(id) ?? [])));
      if (this.#isClosed) return;
    }
  }

  async #isForsaken(jobId: string, wanted: Map<string, Promise<boolean>>): Promise<boolean> {
    const { redis, keys, isWanted } = this.#queue;
    const mapId = mapIdOf(jobId);
    if (mapId === undefined) return false;
    let asked = wanted.get(mapId);
    if (asked === undefined) wanted.set(mapId, (asked = isWanted(mapId)));
    if (await asked) return false;
    // Keys with a TTL expire by themselves. Another program's job may have an id like ours, but does not have our data.
    const key = keys.job(jobId);
    if ((await redis.type(key)) !== "hash" || (await redis.pttl(key)) !== -1) return false;
    return mayBeOf(mapId, await redis.hget(key, "data"));
  }
}

/** `undefined` for a key that is not that of a job of poolmq, or of its backup. */
function mapIdOf(jobId: string): string | undefined {
  return /^([\w-]+)-\d+(?:-b)?$/.exec(jobId)?.[1];
}

/** Whether a job's data says that it is of this map. If the data can't be read, no other program needs the job either. */
function mayBeOf(mapId: string, data: string | null): boolean {
  if (data === null) return true;
  try {
    return (JSON.parse(data) as { readonly map?: unknown } | null)?.map === mapId;
  } catch {
    return true;
  }
}
