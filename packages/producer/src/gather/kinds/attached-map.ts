import { IncompleteMapError, UnknownMapError } from "@poolmq/shared";
import { DURABLE_TTL_MS } from "@poolmq/shared/redis";
import type { JobData } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { MapEnd } from "../../map/outcomes/sink.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { Gathered, KindTools, KindTraits, MapKind } from "./map-kind.ts";

const TRAITS: KindTraits = {
  isOurs: false,
  isDurable: true,
  ttlMs: DURABLE_TTL_MS,
  // Its producer opens it.
  beatMs: Infinity,
  stages: false,
};

/** A durable map that another process enqueued: here its outcomes are only read. */
export class AttachedMap implements MapKind {
  readonly traits: KindTraits = TRAITS;
  readonly jobFields: Pick<JobData, "ttlMs"> = {};
  readonly #map: CarriedMap;
  readonly #tools: KindTools;

  constructor(map: CarriedMap, tools: KindTools) {
    this.#map = map;
    this.#tools = tools;
  }

  /** Does nothing: the map's producer opens it. */
  async open(): Promise<void> {}

  async takeUp(gathered: Gathered): Promise<void> {
    await this.#tools.ask(this.#map, () => this.#tools.reader.replay(gathered));
  }

  admit(): Promise<readonly Chunk[]> {
    return Promise.resolve([]);
  }

  putBy(): boolean {
    return false;
  }

  async seal(): Promise<void> {}

  settledHere(): void {}

  /**
   * Enqueues nothing, because it has no arguments. It can only put jobs in limbo back into line, or report that the map
   * will not be completed.
   */
  async lookAfter(gathered: Gathered): Promise<readonly Chunk[]> {
    const map = this.#map;
    const { scripts, reader } = this.#tools;
    const found = await scripts.reconcile(map.id, map.underWay);
    // Outcomes that another process has read may still be in the stream.
    await reader.replay(gathered);
    if (map.ended) return [];
    const total = await this.#total();
    if (total !== undefined) map.sealed(total);
    if (map.ended) return [];
    // Everything in the stream was read, so outcomes that the bitmap says exist are lost.
    const pending = new Set(map.underWay);
    if (!found.existed || found.missing.length > 0 || found.decided.some((index) => pending.has(index))) {
      throw new IncompleteMapError({ mapId: map.id, reason: "some of it vanished from Redis" });
    }
    await this.#restage(gathered);
    return [];
  }

  /** Number of items, as far as it is known. @throws UnknownMapError, IncompleteMapError if the map is not there any more */
  async #total(): Promise<number | undefined> {
    const { durable } = this.#tools;
    const { id } = this.#map;
    try {
      return (await durable.find(id)).total;
    } catch (error) {
      if (!(error instanceof UnknownMapError) || (await durable.hasEnded(id))) throw error;
      throw new IncompleteMapError({ mapId: id, reason: "Redis has lost it" });
    }
  }

  /** Puts jobs in limbo back into line, because their producer, which would enqueue them again, may be dead. */
  async #restage({ patience }: Gathered): Promise<void> {
    const { id, progress } = this.#map;
    const now = performance.now();
    if (!patience.isLimboDue(now)) return;
    // The first indices of jobs are not known here, so all indices are tried.
    const indices = Array.from({ length: progress.total ?? 0 }, (_, index) => index);
    try {
      const idsRead = await this.#tools.restageLimbo(id, indices);
      patience.lookedForLimbo(now, performance.now(), indices.length + idsRead);
    } catch (error) {
      // A login that may only read is no reason to fail the map.
      this.#tools.warn({ mapId: id, err: error }, "could not look for jobs that no worker will get");
    }
  }

  outlives(): boolean {
    return false;
  }

  /**
   * A map that was read to its end is delivered. A map that is cancelled ends for all processes, and first for its
   * producer.
   */
  async end(gathered: Gathered, end: MapEnd): Promise<void> {
    const { durable } = this.#tools;
    if ("error" in end) await durable.cancel(this.#map.id, "cancelled through a handle of attach()");
    else await durable.end(gathered, end);
  }
}
