import { PoolmqError } from "@poolmq/shared";
import { encodeThrown, toJson } from "@poolmq/shared/internal";
import { DURABLE_TTL_MS } from "@poolmq/shared/redis";
import type { ItemOutcome, JobData } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { MapEnd } from "../../map/outcomes/sink.ts";
import type { CarriedMap } from "../../map/transport.ts";
import type { Gathered, KindTools, KindTraits, MapKind } from "./map-kind.ts";
import type { OutcomeEntry } from "../../outcomes/read-entry.ts";
import { findLost, lookForLost } from "./reconcile.ts";

/** How often the producer gives a sign of life, in ms, so that others notice its death within some seconds. */
const DURABLE_BEAT_MS = 3_000;

/** Codes of errors with which this producer gives up a durable map but leaves it in Redis for others. */
const OUTLIVED: ReadonlySet<string> = new Set([
  "EMBEDDED_REDIS",
  "INCOMPLETE_MAP",
  "LOCAL_MACHINE",
  "MAP_ID_IN_USE",
  "REDIS_CONNECTION",
  "REDIS_REFUSED",
  "SIGNING_KEY",
  "UNKNOWN_MAP",
]);

const TRAITS: KindTraits = {
  isOurs: true,
  isDurable: true,
  ttlMs: DURABLE_TTL_MS,
  beatMs: DURABLE_BEAT_MS,
  stages: true,
};

/** A map that outlives its producer: it is in Redis until it is delivered. */
export class DurableMap implements MapKind {
  readonly traits: KindTraits = TRAITS;
  readonly jobFields: Pick<JobData, "ttlMs" | "keepFailed"> = { ttlMs: DURABLE_TTL_MS, keepFailed: true };
  readonly #map: CarriedMap;
  readonly #tools: KindTools;
  /** Whether another producer began it, so that some of its items may have an outcome, or be under way. */
  readonly #resumed: boolean;
  /** How long it is kept after it was delivered, in ms. */
  readonly #keepMs: number | undefined;
  /** Outcomes of an earlier producer's jobs, whose chunks were not read from the input yet. */
  readonly #early = new Map<number, OutcomeEntry>();
  /** Number of items, once the input was read to its end. */
  #total: number | undefined;

  constructor(
    map: CarriedMap,
    tools: KindTools,
    { resumed, keepMs }: { readonly resumed: boolean; readonly keepMs: number | undefined },
  ) {
    this.#map = map;
    this.#tools = tools;
    this.#resumed = resumed;
    this.#keepMs = keepMs;
  }

  async open(): Promise<unknown> {
    const { id, task } = this.#map;
    return await Promise.all([
      this.#tools.scripts.open(id, DURABLE_TTL_MS),
      this.#tools.durable.beat(id, { task, total: this.#total, keepMs: this.#keepMs }),
    ]);
  }

  /** Called before the first job is enqueued, since items that are done would otherwise run again. */
  async takeUp(gathered: Gathered): Promise<void> {
    await this.#tools.ask(this.#map, () => this.#tools.reader.replay(gathered));
  }

  async admit(gathered: Gathered, chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    const map = this.#map;
    await this.#tools.ask(map, () => this.#tools.keepShares(chunks));
    await this.#tools.ask(map, () => this.#tools.durable.add(map.id, map.task, chunks));
    const unknown = chunks.filter(({ at }) => !this.#takeEarly(gathered, at));
    if (!this.#resumed || map.ended) return unknown;
    // Jobs that are under way, or whose outcome will be read in a moment, are not enqueued again.
    return await this.#tools.ask(map, () => findLost(gathered, unknown, this.#tools.scripts));
  }

  putBy(entry: OutcomeEntry): boolean {
    this.#early.set(entry.at, entry);
    return true;
  }

  async seal(total: number): Promise<void> {
    await this.#tools.ask(this.#map, () => this.#tools.durable.seal(this.#map.id, total));
    this.#total = total;
  }

  /** Publishes the outcome as a worker would, for a process that takes the map up. */
  settledHere(index: number, error: unknown): void {
    const { id, task } = this.#map;
    const by = { task, index, attempt: 1, worker: "producer", pid: process.pid };
    const outcome: ItemOutcome = { s: "threw", thrown: encodeThrown(error), by };
    const text = this.#tools.seals.outcomeHere(this.#map, index, `!${toJson([outcome])}`);
    const published = this.#tools.ask(this.#map, () =>
      this.#tools.scripts.publish(id, [{ at: index, ms: 0, text }], DURABLE_TTL_MS),
    );
    published.catch((err: unknown) => {
      const facts = { mapId: id, index, err };
      this.#tools.warn(facts, "could not publish the outcome of an item that was not enqueued");
    });
  }

  async lookAfter(gathered: Gathered): Promise<readonly Chunk[]> {
    return await lookForLost(gathered, this.#tools);
  }

  outlives(end: MapEnd): boolean {
    if (!("error" in end)) return false;
    const { error, stays } = end;
    return stays === true || (error instanceof PoolmqError && OUTLIVED.has(error.code));
  }

  async end(gathered: Gathered, end: MapEnd): Promise<void> {
    await this.#tools.durable.end(gathered, end);
  }

  /** Takes the outcome of a chunk if it came before the chunk was read. Gives whether it did. */
  #takeEarly(gathered: Gathered, at: number): boolean {
    const entry = this.#early.get(at);
    if (entry === undefined) return false;
    this.#early.delete(at);
    return gathered.takeOutcome(entry);
  }
}
