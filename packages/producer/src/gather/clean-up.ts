/** Removes the remains of maps that have ended from Redis. */

import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import { settlesWithin } from "@poolmq/shared/internal";
import {
  backupIdOf,
  expireJobs,
  jobIdOf,
  removeStaged,
  removeWaiting,
  tellCancelled,
} from "@poolmq/shared/redis";
import type { Limit } from "@poolmq/shared";
import type { QueueKeys } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { MapEnd } from "../map/outcomes/sink.ts";
import type { GatheredMap } from "./kinds/gathered-map.ts";
import type { Jobs } from "./jobs.ts";
import { untilTaken } from "../redis/retry-refused.ts";
import type { Seals } from "../signing/seals.ts";

/** How long the clean-up in Redis may take at a pool's end, in ms. The pool must end even if Redis does not answer. */
export const CLEAN_UP_TIMEOUT_MS = 2_000;

interface CleanUpOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly jobs: Jobs;
  readonly seals: Seals;
  /** The workers end with this process, so this process has to remove the jobs that they run. */
  readonly ownWorkers: boolean;
  /** Gives a map that is under way. */
  gathered(mapId: string): GatheredMap | undefined;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Called with each clean-up, which should be done before this process ends. */
  cleaning(done: Promise<unknown>): void;
}

/** How long to try again while Redis refuses, in ms: the map's keys expire after that. */
const PATIENCE_MS = 10 * 60_000;

/** Up to this many jobs are removed one by one. */
const FEW_JOBS = 40;

export class CleanUp {
  readonly #options: CleanUpOptions;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Maps that came to their end in this turn of the event loop. */
  readonly #ended: (readonly [GatheredMap, MapEnd])[] = [];
  #closed = false;

  constructor(options: CleanUpOptions) {
    this.#options = options;
  }

  /**
   * Removes a map's keys and jobs, and has its runs stopped. If nothing of it is under way, the caller, who waits for its
   * results, goes on first. The id of a durable map may be used again by then, so that its keys are removed at once.
   */
  forget(gathered: GatheredMap, end: MapEnd): void {
    const underWay = [...gathered.map.underWay];
    if (underWay.length > 0 || gathered.kind.traits.isDurable) this.#forget(gathered, end, underWay);
    else if (this.#ended.push([gathered, end]) === 1)
      this.#options.cleaning(nextTurn().then(() => this.#forgetEnded()));
  }

  #forgetEnded(): void {
    for (const [gathered, end] of this.#ended.splice(0)) this.#forget(gathered, end, []);
  }

  #forget(gathered: GatheredMap, end: MapEnd, underWay: readonly number[]): void {
    const { map } = gathered;
    const warn = (err: unknown, message: string): void => this.#options.warn({ mapId: map.id, err }, message);
    const until = performance.now() + PATIENCE_MS;
    // Asked again while Redis refuses: otherwise machines would not hear of a cancel, and run the map as if it were wanted.
    const removed = untilTaken(() => this.#remove(gathered, end, underWay), {
      isWanted: () =>
        !this.#closed && performance.now() < until && this.#options.gathered(map.id) === undefined,
      onRefused: (error) => warn(error, "map not cleaned up yet"),
    }).catch((error: unknown): string[] => {
      // Only logged: the keys expire, and workers find that the map is unwanted.
      warn(error, "map not cleaned up");
      return [];
    });
    this.track(
      removed,
      removed.then((running) =>
        this.#options.ownWorkers ? this.#removeRunning(running, map.job.limit) : undefined,
      ),
    );
  }

  /** Notes a last step for a map. `close` waits for `done`, and this process should not end before `gone`. */
  track(done: Promise<unknown>, gone: Promise<unknown> = done): void {
    this.#options.cleaning(settlesWithin(CLEAN_UP_TIMEOUT_MS, gone));
    this.#underWay.add(done);
    void done.finally(() => this.#underWay.delete(done));
  }

  /** Starts no further clean-up. Resolves once those that were started are done. */
  async close(): Promise<void> {
    this.#forgetEnded();
    this.#closed = true;
    await Promise.all(this.#underWay);
  }

  /** Gives the ids of running jobs, which are locked and stay; their workers were told to stop them. */
  async #remove(gathered: GatheredMap, end: MapEnd, underWay: readonly number[]): Promise<string[]> {
    const { redis, keys, seals } = this.#options;
    const { id } = gathered.map;
    // If Redis has forgotten the script that declares the map, the script is sent again. After the map's end, it would open
    // the map anew, and nobody would stop what machines run of it.
    const { unanswered } = gathered;
    if (unanswered !== undefined) await unanswered.catch(() => {});
    await gathered.kind.end(gathered, end);
    if (underWay.length === 0) return [];
    await tellCancelled(redis, keys, id, seals.control({ t: "cancel", map: id }));
    // Staged jobs are unknown to BullMQ, which removes a few jobs below.
    await removeStaged(redis, keys, id);
    const backups = [...gathered.backedUp].map((at) => backupIdOf(id, at));
    const ids = [...underWay.map((at) => jobIdOf(id, at)), ...backups];
    // For each single job, the whole list is searched; for many jobs, it is searched once for all of them.
    if (ids.length <= FEW_JOBS) {
      const running = await this.#options.jobs.remove(ids, gathered.map.job.limit);
      await expireJobs(redis, keys, running);
      return running;
    }
    await removeWaiting(redis, keys, id, underWay);
    await expireJobs(redis, keys, ids);
    return this.#options.ownWorkers ? await this.#options.jobs.existing(ids) : [];
  }

  /** Waits until jobs that were told to stop are gone. */
  async #removeRunning(ids: readonly string[], limit: Limit | undefined): Promise<void> {
    const deadline = performance.now() + CLEAN_UP_TIMEOUT_MS;
    for (
      let left = ids, delayMs = 5;
      left.length > 0 && !this.#closed;
      delayMs = Math.min(delayMs * 2, 100)
    ) {
      if (performance.now() > deadline) return;
      await delay(delayMs);
      left = await this.#options.jobs.remove(left, limit);
    }
  }
}
