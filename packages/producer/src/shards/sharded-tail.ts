import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, TailHand, TailLook } from "../map/transport.ts";
import type { ShardedMap } from "./sharded-map.ts";
import type { Shard } from "./shard.ts";

interface TailSources {
  readonly serving: () => readonly Shard[];
  readonly sharded: (mapId: string) => ShardedMap | undefined;
  readonly machines: () => Promise<readonly WorkerAdvertisement[]>;
}

/** The tail of maps over several shards. Each shard is asked about the chunks that are on it. */
export class ShardedTail implements TailHand {
  readonly #sources: TailSources;

  constructor(sources: TailSources) {
    this.#sources = sources;
  }

  async look(map: CarriedMap, chunks: readonly Chunk[]): Promise<TailLook> {
    const looks = await Promise.all(
      this.#onEach(map, chunks, true).map(([shard, part, mine]) =>
        shard.unlessSilent(shard.gather.tail.look(part, mine)),
      ),
    );
    const found = looks.filter((look) => look !== undefined);
    return {
      isIdle: found.length > 0 && found.every(({ isIdle }) => isIdle),
      runningMs: new Map(found.flatMap(({ runningMs }) => [...runningMs])),
    };
  }

  canCut(map: CarriedMap): boolean {
    return this.#sources.sharded(map.id)?.mode === "plain";
  }

  /** Counts each machine once, although it is on all shards. */
  async idleSlots({ task, job: { codeVersion } }: CarriedMap): Promise<number> {
    const serving = this.#sources.serving();
    const [machines, ...active] = await Promise.all([
      this.#sources.machines(),
      ...serving.map((shard) => shard.unlessSilent(shard.redis.llen(shard.keys.job("active")))),
    ]);
    const able = machines.filter(
      (machine) =>
        Object.hasOwn(machine.tasks, task) &&
        (codeVersion === undefined || machine.codeVersion === codeVersion),
    );
    const slots = able.reduce((sum, { processes, concurrency }) => sum + processes * concurrency, 0);
    return Math.max(0, slots - active.reduce<number>((sum, jobs) => sum + (jobs ?? 0), 0));
  }

  async cut(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    await Promise.all(
      this.#onEach(map, chunks).map(([shard, part, mine]) =>
        shard.unlessSilent(shard.gather.tail.cut(part, mine)),
      ),
    );
  }

  async backUp(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    await Promise.all(
      this.#onEach(map, chunks).map(([shard, part, mine]) =>
        shard.unlessSilent(shard.gather.tail.backUp(part, mine)),
      ),
    );
  }

  /**
   * Calls `step` for each serving shard with its chunks. @param withNone - also for shards that have none of the chunks
   */
  #onEach(
    { id }: CarriedMap,
    chunks: readonly Chunk[],
    withNone = false,
  ): (readonly [Shard, CarriedMap, readonly Chunk[]])[] {
    const sharded = this.#sources.sharded(id);
    if (sharded === undefined) return [];
    return this.#sources
      .serving()
      .filter((shard) => sharded.isOn(shard))
      .map((shard) => {
        const mine = chunks.filter(({ at }) => sharded.shardOf(at) === shard);
        return [shard, sharded.partOn(shard), mine] as const;
      })
      .filter(([, , mine]) => withNone || mine.length > 0);
  }
}
