import { MAP_TTL_MS } from "@poolmq/shared/redis";
import type { MapOpening } from "@poolmq/shared/redis";
import type { JobData } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { Gathered, KindTools, KindTraits, MapKind } from "./map-kind.ts";
import { lookForLost } from "./reconcile.ts";

/** How often the keys of a map are kept from expiring while it lives, in ms. */
const REOPEN_MS = 60_000;

/** The most failed jobs of a map with `keepFailed` that are kept. Nobody looks at more than a few. */
const MAX_FAILED_KEPT = 20;

const TRAITS: KindTraits = {
  isOurs: true,
  isDurable: false,
  ttlMs: MAP_TTL_MS,
  beatMs: REOPEN_MS,
  stages: false,
};

/** A map that only its producer wants, and that ends with it. */
export class PlainMap implements MapKind {
  readonly traits: KindTraits = TRAITS;
  readonly jobFields: Pick<JobData, "ttlMs" | "keepFailed">;
  readonly #map: CarriedMap;
  readonly #tools: KindTools;

  constructor(map: CarriedMap, tools: KindTools) {
    this.#map = map;
    this.#tools = tools;
    // A signed job must state its TTL: filling in a default would break the signature.
    this.jobFields = {
      ...(tools.seals.signs ? { ttlMs: MAP_TTL_MS } : {}),
      ...(map.job.keepFailed === true ? { keepFailed: MAX_FAILED_KEPT } : {}),
    };
  }

  get opening(): MapOpening {
    return this.#tools.scripts.opening(this.#map.id, MAP_TTL_MS);
  }

  async open(): Promise<unknown> {
    return await this.#tools.scripts.open(this.#map.id, MAP_TTL_MS);
  }

  async takeUp(): Promise<void> {}

  async admit(_gathered: Gathered, chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    // Items that fail are kept with the values that they use.
    if (this.#map.job.keepFailed === true) {
      await this.#tools.ask(this.#map, () => this.#tools.keepShares(chunks));
    }
    return chunks;
  }

  putBy(): boolean {
    return false;
  }

  /** Does nothing: no other process asks how many items there are. */
  async seal(): Promise<void> {}

  /** Does nothing: no other process asks for the outcomes of items that were not enqueued. */
  settledHere(): void {}

  async lookAfter(gathered: Gathered): Promise<readonly Chunk[]> {
    return await lookForLost(gathered, this.#tools);
  }

  outlives(): boolean {
    return false;
  }

  async end({ donePages }: Gathered): Promise<void> {
    const { id, job, underWay } = this.#map;
    const { scripts, ended } = this.#tools;
    if (job.keepFailed === true) await scripts.dropButFailed(id);
    // Machines still run something of it, and find that it is unwanted.
    else if (underWay.length > 0) await scripts.drop(id);
    // A random id is not used again meanwhile.
    else await ended.remove(id);
    await scripts.dropPages(id, donePages.all);
  }
}
