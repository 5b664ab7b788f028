/** What running tasks say of their progress, on its way to the producers: the latest word of each item counts. */

import type { GatherScripts, Payload } from "@poolmq/shared/internal";

import type { Seals } from "./seals.ts";

/** Often enough for a person to watch; a task that reports in a loop must not flood Redis. */
const INTERVAL_MS = 100;

export class TaskProgress {
  readonly #scripts: GatherScripts;
  readonly #seals: Seals;
  readonly #latest = new Map<
    string,
    { readonly mapId: string; readonly index: number; readonly payload: Payload }
  >();
  #timer: NodeJS.Timeout | undefined;

  constructor(scripts: GatherScripts, seals: Seals) {
    this.#scripts = scripts;
    this.#seals = seals;
  }

  say(mapId: string, index: number, payload: Payload): void {
    this.#latest.set(`${mapId}-${index}`, { mapId, index, payload });
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    for (const { mapId, index, payload } of this.#latest.values()) {
      this.#scripts.progress(mapId, index, this.#seals.progress(mapId, index, payload)).catch(() => {}); // progress is no result
    }
    this.#latest.clear();
  }
}
