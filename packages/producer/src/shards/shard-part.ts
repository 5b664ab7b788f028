import type { OutcomeText } from "@poolmq/shared/internal";

import type { MapProgress } from "../account/map-progress.ts";
import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, JobOptions, RunFacts } from "../map/transport.ts";

interface PartHooks {
  /** First indices of what is under way on this shard. */
  readonly underWay: () => readonly number[];
  /** An outcome came in. */
  readonly taken: (at: number) => void;
}

/**
 * A map as one shard's gather sees it: all of it, but that only what was sent there is under way. An outcome counts wherever it
 * comes from, since its chunk may have been sent elsewhere meanwhile.
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
