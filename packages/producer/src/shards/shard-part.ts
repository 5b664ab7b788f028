import type { OutcomeText } from "@poolmq/shared/internal";

import type { MapProgress } from "../account/map-progress.ts";
import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, JobOptions, RunFacts } from "../map/transport.ts";

interface PartHooks {
  /** Gives the first indices of the chunks under way on this shard. */
  readonly underWay: () => readonly number[];
  /** Called when an outcome comes in. */
  readonly taken: (at: number) => void;
}

/**
 * A map as one shard's gather sees it: the whole map, but only chunks that were sent to that shard count as under way. An
 * outcome is accepted from any shard, since its chunk may have been sent elsewhere meanwhile.
 */
export class ShardPart implements CarriedMap {
  readonly #map: CarriedMap;
  readonly #hooks: PartHooks;

  constructor(map: CarriedMap, hooks: PartHooks) {
    this.#map = map;
    this.#hooks = hooks;
  }

  get id(): string {
    return this.#map.id;
  }

  get task(): string {
    return this.#map.task;
  }

  get job(): JobOptions {
    return this.#map.job;
  }

  get patienceMs(): number {
    return this.#map.patienceMs;
  }

  get ended(): boolean {
    return this.#map.ended;
  }

  get progress(): MapProgress {
    return this.#map.progress;
  }

  get underWay(): readonly number[] {
    return this.#hooks.underWay();
  }

  chunks(indices: readonly number[]): Chunk[] {
    return this.#map.chunks(indices);
  }

  take(at: number, text: OutcomeText, facts: RunFacts, bytes?: Buffer): void {
    this.#hooks.taken(at);
    this.#map.take(at, text, facts, bytes);
  }

  cut(at: number, items: number): void {
    this.#map.cut(at, items);
  }

  taskProgress(index: number, value: unknown): void {
    this.#map.taskProgress(index, value);
  }

  taskLog(index: number, batch: string): void {
    this.#map.taskLog(index, batch);
  }

  sealed(total: number): void {
    this.#map.sealed(total);
  }

  fail(error: unknown): void {
    this.#map.fail(error);
  }
}
