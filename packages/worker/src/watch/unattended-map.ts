/**
 * Reads the state of a durable map without a producer, or that was retried, from its keys in Redis: nobody else reports
 * it.
 */

import type { Cluster, Redis } from "ioredis";

import { decodeThrown, ErrorGroups, failureError } from "@poolmq/shared/internal";
import { peekAtOutcome, readFailedJobs } from "@poolmq/shared/redis";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";

/** The most failed jobs that are read. If there are more, the number of their failed items is estimated from these. */
const MAX_JOBS_READ = 500;

/** What Redis has of a durable map. */
export interface FoundMap {
  readonly exists: boolean;
  /** Number of jobs that have their outcome. */
  readonly jobs: number;
  /** Number of jobs of which an item failed. */
  readonly failedJobs: number;
  readonly total: number | undefined;
  /** When its last outcome came, in ms of Redis's time, if Redis still has it. */
  readonly lastAtMs: number | undefined;
}

export async function findMap(redis: Redis | Cluster, keys: QueueKeys, mapId: string): Promise<FoundMap> {
  const [exists, total, failedJobs, jobs, last] = await Promise.all([
    redis.exists(keys.meta(mapId)),
    redis.hget(keys.meta(mapId), "total"),
    redis.hlen(keys.failed(mapId)),
    redis.bitcount(keys.done(mapId)),
    redis.xrevrange(keys.out(mapId), "+", "-", "COUNT", 1),
  ]);
  const [lastId] = last[0] ?? [];
  return {
    exists: exists === 1,
    jobs,
    failedJobs,
    total: total === null ? undefined : Number(total),
    lastAtMs: lastId === undefined ? undefined : Number.parseInt(lastId),
  };
}

/** The failed items of a map, by kind, as they are kept for a retry. */
export interface KeptFailures {
  readonly groups: ErrorGroups;
  /** Number of jobs that were read. */
  readonly jobs: number;
  readonly items: number;
}

export async function keptFailures(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
): Promise<KeptFailures> {
  const groups = new ErrorGroups();
  let items = 0;
  const jobs = await readFailedJobs(redis, keys, mapId, MAX_JOBS_READ);
  for (const [at, text] of [...jobs].toSorted(([a], [b]) => a - b)) {
    for (const [offset, outcome] of outcomesOf(text).entries()) {
      if (outcome.s === "ok") continue;
      items++;
      groups.failed(at + offset, errorOf(outcome));
    }
  }
  return { groups, jobs: jobs.size, items };
}

/** Counts the failed items of a map. Reads outcomes only if jobs have more than one item, and only new ones. */
export class FailedItems {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #known = new Map<string, { readonly when: string; readonly items: number }>();

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async count(mapId: string, { failedJobs, lastAtMs }: FoundMap, perJob: number): Promise<number> {
    if (failedJobs === 0 || perJob === 1) return failedJobs;
    const when = `${failedJobs} ${lastAtMs}`;
    const known = this.#known.get(mapId);
    if (known?.when === when) return known.items;
    const read = await keptFailures(this.#redis, this.#keys, mapId);
    const items = read.jobs === 0 ? failedJobs : Math.round((read.items / read.jobs) * failedJobs);
    this.#known.set(mapId, { when, items });
    return items;
  }
}

function outcomesOf(text: OutcomeText): readonly ItemOutcome[] {
  const open = peekAtOutcome(text);
  try {
    const outcomes = JSON.parse(open.slice(1)) as unknown;
    return open.startsWith("!") && Array.isArray(outcomes) ? (outcomes as ItemOutcome[]) : [];
  } catch {
    return [];
  }
}

function errorOf(outcome: Exclude<ItemOutcome, { s: "ok" }>): unknown {
  try {
    return outcome.s === "threw" ? decodeThrown(outcome.thrown) : failureError(outcome.failure, outcome.by);
  } catch (error) {
    return error; // not written by poolmq's codec: shown as it is
  }
}
