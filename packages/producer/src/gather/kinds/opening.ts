/** Declares in Redis that a map is wanted, and repeats that while the map lives. */

import type { MapKind } from "./map-kind.ts";

export class Opening {
  readonly #kind: Pick<MapKind, "open" | "traits">;
  readonly #onRefused: (error: unknown) => void;
  #done: Promise<unknown> = Promise.resolve();
  #at: number;
  /** Number of declarations that Redis has not answered. They must not pile up while Redis is away. */
  #underWay = 0;

  constructor(kind: Pick<MapKind, "open" | "traits">, now: number, onRefused: (error: unknown) => void) {
    this.#kind = kind;
    this.#at = now;
    this.#onRefused = onRefused;
  }

  /** Resolves once the last declaration has reached Redis. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  isDue(now: number): boolean {
    return this.#underWay === 0 && now - this.#at >= this.#kind.traits.beatMs;
  }

  declare(): void {
    this.#at = performance.now();
    this.#underWay++;
    this.#done = this.#kind.open().finally(() => this.#underWay--);
    // Callers that wait for it get the error too; but none waits while all jobs are under way.
    this.#done.catch(this.#onRefused);
  }
}
