/** Starts chunks once more that run for long, as second jobs, and has the run stopped that comes second. */

import { backupIdOf, jobIdOf, lookAtTail } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, TailHand, TailLook } from "../map/transport.ts";
import type { Seals } from "../signing/seals.ts";
import type { GatheredMap } from "./gathered-map.ts";
import type { Jobs } from "./jobs.ts";

interface BackupsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  readonly jobs: Jobs;
  readonly seals: Seals;
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

  async backUp(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const gathered = this.#options.gathered(map.id);
    if (gathered === undefined) return;
    // Before they are sent: an outcome may come in before Redis has answered.
    for (const { at } of chunks) gathered.backedUp.add(at);
    try {
      await this.#options.jobs.addBackups(gathered, chunks);
    } catch (error) {
      this.#options.warn({ mapId: map.id, err: error }, "backup runs not enqueued");
    }
  }

  /** A chunk that was started twice has its outcome. @param by - who ran it, as the end of a `RanText` */
  settled({ map }: GatheredMap, at: number, by: string | undefined): void {
    const { redis, keys, jobs, seals } = this.#options;
    const isOfBackup = by?.endsWith(" backup") === true;
    const message = seals.control({ t: "settled", map: map.id, jobs: [at] });
    const told = redis.publish(keys.control, JSON.stringify(message));
    // If nobody runs the other one yet, nobody need fetch it. One that runs is locked, and stays until it has stopped.
    const removed = jobs.remove([(isOfBackup ? jobIdOf : backupIdOf)(map.id, at)]);
    Promise.all([told, removed]).catch((error: unknown) => {
      // Its outcome is dropped when it comes.
      this.#options.warn(
        { mapId: map.id, index: at, err: error },
        "the other run of an item was not stopped",
      );
    });
  }
}
