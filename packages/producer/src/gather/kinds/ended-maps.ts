/** Removes from Redis what is left of plain maps that have come to their end: those of a moment together. */

import { clearTimeout, setTimeout } from "node:timers";

/** A map's keys are removed this long after its end at the latest, in ms. */
const TOGETHER_MS = 10;

/** Maps that one command removes. More would keep Redis from everything else for too long. */
const MAX_MAPS = 100;

export class EndedMaps {
  readonly #drop: (mapIds: readonly string[]) => Promise<void>;
  readonly #mapIds: string[] = [];
  /** Set while maps wait to be removed. */
  #removal: PromiseWithResolvers<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param drop - removes the keys of these maps */
  constructor(drop: (mapIds: readonly string[]) => Promise<void>) {
    this.#drop = drop;
  }

  /**
   * Resolves once the map's keys are removed. A program that makes one call after the other would otherwise write to Redis
   * for each of them, just while it waits for the next result.
   */
  remove(mapId: string): Promise<void> {
    this.#mapIds.push(mapId);
    this.#removal ??= Promise.withResolvers();
    const { promise } = this.#removal;
    if (this.#mapIds.length === MAX_MAPS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), TOGETHER_MS);
    return promise;
  }

  /** Removes now what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const removal = this.#removal;
    if (removal === undefined) return;
    this.#removal = undefined;
    removal.resolve(this.#drop(this.#mapIds.splice(0)));
  }
}
