/** Declares in Redis that a map is wanted, and repeats that while the map lives. */

import { setImmediate } from "node:timers";

import type { MapOpening } from "@poolmq/shared/redis";

import type { MapKind } from "./map-kind.ts";

export class Opening {
  readonly #kind: Pick<MapKind, "open" | "opening" | "traits">;
  readonly #onRefused: (error: unknown) => void;
  #done: Promise<unknown> = Promise.resolve();
  #at: number;
  /** Number of declarations that Redis has not answered. They must not pile up while Redis is away. */
  #underWay = 0;
  /** Set while the map was not declared yet, and its first jobs may come at any moment. */
  #soon: NodeJS.Immediate | undefined;

  constructor(
    kind: Pick<MapKind, "open" | "opening" | "traits">,
    now: number,
    onRefused: (error: unknown) => void,
  ) {
    this.#kind = kind;
    this.#at = now;
    this.#onRefused = onRefused;
  }

  /** Resolves once the last declaration has reached Redis. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  /** The same, while a declaration is under way that Redis has not answered; else `undefined`. */
  get unanswered(): Promise<unknown> | undefined {
    return this.#underWay === 0 ? undefined : this.#done;
  }

  isDue(now: number): boolean {
    return this.#underWay === 0 && now - this.#at >= this.#kind.traits.beatMs;
  }

  /** The map begins. It is declared with its first jobs, if they are sent in this turn of the event loop: one script does both. */
  begin(): void {
    if (this.#kind.opening === undefined) this.declare();
    else this.#soon = setImmediate(() => this.declare());
  }

  declare(): void {
    this.close();
    this.#declaredBy(this.#kind.open());
  }

  /** Runs a step that needs an open map. If the step is given an `opening`, it must open the map itself. */
  async with(step: (opening: MapOpening | undefined) => Promise<void>): Promise<void> {
    const opening = this.#soon === undefined ? undefined : this.#kind.opening;
    this.close();
    const stepped = step(opening);
    if (opening !== undefined) this.#declaredBy(stepped);
    // A declaration was sent before, on the same connection, so Redis does that first. A refusal of either fails this.
    await Promise.all([this.#done, stepped]);
  }

  /** The map was not declared, and need not be. */
  close(): void {
    clearImmediate(this.#soon);
    this.#soon = undefined;
  }

  #declaredBy(step: Promise<unknown>): void {
    this.#at = performance.now();
    this.#underWay++;
    this.#done = step.finally(() => this.#underWay--);
    // Callers that wait for it get the error too; but none waits while all jobs are under way.
    this.#done.catch(this.#onRefused);
  }
}
