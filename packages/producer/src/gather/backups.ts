/**
 * The tail of maps on a fleet: takes back items that have not begun, enqueues backups of chunks, and has the run stopped
 * that comes second.
 */

import { backupIdOf, jobIdOf, lookAtTail } from "@poolmq/shared/redis";
import { toJson } from "@poolmq/shared/task";
import type { Machines, QueueKeys } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, TailHand, TailLook } from "../map/transport.ts";
import type { Seals } from "../signing/seals.ts";
import type { GatheredMap } from "./kinds/gathered-map.ts";
import type { Jobs } from "./jobs.ts";

interface BackupsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly jobs: Jobs;
  readonly seals: Seals;
  readonly machines: Pick<Machines, "live">;
  readonly gathered: (mapId: string) => GatheredMap | undefined;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

export class Backups implements TailHand {
  readonly #options: BackupsOptions;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  async look(map: CarriedMap, chunks: readonly Chunk[]): Promise<TailLook> {
    const { redis, keys } = this.#options;
    const indices = chunks.map(({ at }) => at);
    return await lookAtTail(redis, keys, map.id, indices);
  }

  /** Not durable maps: processes that take one up or read it rely on its first division into chunks. */
  canCut(map: CarriedMap): boolean {
    return this.#options.gathered(map.id)?.kind.traits.isDurable === false;
  }

  /** Counts the free places of all machines that have the task, without those that other maps occupy. */
  async idleSlots({ task, job: { codeVersion } }: CarriedMap): Promise<number> {
    const { redis, keys, machines } = this.#options;
    const [live, active] = await Promise.all([machines.live(), redis.llen(keys.job("active"))]);
    const able = live.filter(
      (machine) =>
        Object.hasOwn(machine.tasks, task) &&
        (codeVersion === undefined || machine.codeVersion === codeVersion),
    );
    const slots = able.reduce((sum, { processes, concurrency }) => sum + processes * concurrency, 0);
    return Math.max(0, slots - active);
  }

  async cut({ id }: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const { redis, keys, seals } = this.#options;
    const message = seals.control({ t: "cut", map: id, jobs: chunks.map(({ at }) => at) });
    await redis.publish(keys.control, toJson(message));
  }

  async backUp(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const gathered = this.#options.gathered(map.id);
    if (gathered === undefined) return;
    // Noted before they are sent, because an outcome may come in before Redis has answered.
    for (const { at } of chunks) gathered.backedUp.add(at);
    try {
      await this.#options.jobs.addBackups(gathered, chunks);
    } catch (error) {
      this.#options.warn({ mapId: map.id, err: error }, "backup runs not enqueued");
    }
  }

  /**
   * Stops the other run of a chunk that has a backup and now its outcome. Resolves once that run was told to stop. Never
   * rejects.
   *
   * @param by - what ran it: the end of a `RanText`
   */
  async settled({ map }: GatheredMap, at: number, by: string | undefined): Promise<void> {
    const { redis, keys, jobs, seals } = this.#options;
    const isOfBackup = by?.endsWith(" backup") === true;
    const message = seals.control({ t: "settled", map: map.id, jobs: [at] });
    const told = redis.publish(keys.control, toJson(message));
    // If the other job does not run yet, it need not be fetched. One that runs is locked, and stays until it has stopped.
    const removed = jobs.remove([(isOfBackup ? jobIdOf : backupIdOf)(map.id, at)], map.job.limit);
    try {
      await Promise.all([told, removed]);
    } catch (error) {
      // If this fails, its outcome is dropped when it comes.
      this.#options.warn(
        { mapId: map.id, index: at, err: error },
        "the other run of an item was not stopped",
      );
    }
  }
}
