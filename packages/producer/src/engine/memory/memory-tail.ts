/**
 * The tail of maps in memory: takes back items that have not begun, starts backups of chunks, and stops the run that
 * comes second.
 */

import type { Crew } from "@poolmq/worker/local";

import type { Chunk } from "../../input/chunk.ts";
import type { CarriedMap, TailHand, TailLook } from "../../map/transport.ts";

export interface MemoryTailOptions {
  readonly crew: Pick<Crew, "cancel" | "details" | "idlePlaces" | "members">;
  /** Whether jobs wait for a worker. */
  readonly isWaiting: () => boolean;
  /** Enqueues chunks once more. */
  readonly again: (map: CarriedMap, chunks: readonly Chunk[]) => void;
}

export class MemoryTail implements TailHand {
  readonly #options: MemoryTailOptions;
  /** First indices of the chunks that have a backup. */
  readonly #twice = new Map<CarriedMap, Set<number>>();

  constructor(options: MemoryTailOptions) {
    this.#options = options;
  }

  look({ id }: CarriedMap, chunks: readonly Chunk[]): Promise<TailLook> {
    const { crew, isWaiting } = this.#options;
    const asked = new Set(chunks.map(({ at }) => at));
    const runs = crew.details.flatMap(({ runs: running }) => running);
    const ours = runs.filter(({ map, at }) => map === id && asked.has(at));
    return Promise.resolve({
      isIdle: !isWaiting() && crew.idlePlaces > 0,
      runningMs: new Map(ours.map(({ at, sinceMs }) => [at, Date.now() - sinceMs])),
    });
  }

  canCut(): boolean {
    return true;
  }

  idleSlots(): Promise<number> {
    return Promise.resolve(this.#options.crew.idlePlaces);
  }

  cut({ id }: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const jobs = chunks.map(({ at }) => at);
    this.#options.crew.members.cut(id, jobs);
    return Promise.resolve();
  }

  backUp(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const twice = this.#twice.get(map) ?? new Set();
    this.#twice.set(map, twice);
    for (const { at } of chunks) twice.add(at);
    this.#options.again(map, chunks);
    return Promise.resolve();
  }

  /** Whether the other run of this chunk has brought its outcome; false for a chunk without a backup. */
  isSettled(map: CarriedMap, at: number): boolean {
    if (this.#twice.size === 0 || this.#twice.get(map)?.has(at) !== true) return false;
    return map.chunks([at]).length === 0;
  }

  /** Stops the other run of a chunk that has its outcome, if there is one. */
  settled(map: CarriedMap, at: number): void {
    if (this.#twice.size > 0 && this.#twice.get(map)?.has(at) === true)
      this.#options.crew.cancel(map.id, [at]);
  }

  /** Forgets a map that has ended. */
  forget(map: CarriedMap): void {
    this.#twice.delete(map);
  }
}
