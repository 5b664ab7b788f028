/**
 * The producer's end of the gather: enqueues chunks as BullMQ jobs and brings their outcomes to the maps. With the
 * scripts of `gather-scripts.ts` it ensures that every chunk under way gets its outcome.
 *
 * What Redis holds of a job, and what happens next, whichever process crashes in between:
 *
 *   under way    bit 0, a job       a worker publishes; a lost one's job stalls, and another runs it
 *   decided      bit 1, an entry    read here, once; by the next producer of a durable map if this one has died
 *   lost         bit 0, no job      Redis lost it: `findLost` finds it, and it is enqueued again
 *   in limbo     bit 0, a job       in no list, so that no worker gets it: `removeLimbo` makes it a lost one
 *   undelivered  bit 1, no entry    Redis lost the entry: `findLost` clears the bit, and it is enqueued again
 *
 * Invariants, which `tests/faults/gather-model.test.ts` checks in random orders of steps and crashes:
 * 1. A producer delivers each item's outcome once, with a value that a run of this item gave.
 * 2. As long as Redis loses nothing, that is the value that was published first, and there is one entry a job.
 * 3. With a producer and a worker that live, every map comes to its end, whatever happened before.
 */

import { clearInterval, setInterval } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import { IncompleteMapError, SigningKeyError, UnknownMapError } from "@poolmq/shared";
import { classifyRefusal, isWrongType, settlesWithin } from "@poolmq/shared/internal";
import type { WorkerAdvertisement } from "@poolmq/shared/internal";
import { fittingMachines } from "@poolmq/shared/redis";
import type { GatherScripts } from "@poolmq/shared/redis";

import type { Chunk } from "../input/chunk.ts";
import type { Meter } from "../map/meter.ts";
import type { MapEnd } from "../map/outcomes/sink.ts";
import type { CarriedMap, TailHand } from "../map/transport.ts";
import { CLEAN_UP_TIMEOUT_MS } from "./clean-up.ts";
import type { DurableMaps } from "./kinds/durable-maps.ts";
import type { GatheredQueue, GatherHooks, GatherParts } from "./gather-parts.ts";
import { gatherParts } from "./gather-parts.ts";
import type { Jobs } from "./jobs.ts";
import { GatheredMap } from "./kinds/gathered-map.ts";
import { kindOf } from "./kinds/kind-of.ts";
import type { MapMode } from "./kinds/map-kind.ts";
import type { MapGather, OpenFacts } from "./map-gather.ts";
import { FIRST_PATIENCE_MS } from "./kinds/patience.ts";
import { untilTaken } from "../redis/retry-refused.ts";
import type { Shares } from "./shares.ts";

const TICK_MS = 500;

export class Gather implements MapGather {
  readonly #redis: Redis | Cluster;
  readonly #gathered: GatheredQueue;
  readonly #hooks: GatherHooks;
  readonly #parts: GatherParts;
  readonly #maps = new Map<string, GatheredMap>();
  readonly #ticker: NodeJS.Timeout;
  readonly #firstPatienceMs: number;
  #closed = false;
  /** Whether Redis answered the last step of the end in time. */
  #answers = true;

  /** @param patience - shorter in tests, so that lost jobs are found sooner */
  constructor(
    commands: Redis | Cluster,
    blocking: Redis | Cluster,
    queue: GatheredQueue,
    hooks: GatherHooks,
    patience: { readonly firstMs: number; readonly tickMs: number } = {
      firstMs: FIRST_PATIENCE_MS,
      tickMs: TICK_MS,
    },
  ) {
    this.#redis = commands;
    this.#gathered = queue;
    this.#hooks = hooks;
    this.#firstPatienceMs = patience.firstMs;
    this.#parts = gatherParts(
      commands,
      blocking,
      queue,
      hooks,
      (map, question) => this.ask(map, question),
      (mapId) => this.#maps.get(mapId),
    );
    this.#ticker = setInterval(() => this.#tick(), patience.tickMs);
    this.#ticker.unref();
  }

  get scripts(): GatherScripts {
    return this.#parts.scripts;
  }

  get jobs(): Pick<Jobs, "setPriority"> {
    return this.#parts.jobs;
  }

  get durable(): DurableMaps {
    return this.#parts.durable;
  }

  get tail(): TailHand {
    return this.#parts.backups;
  }

  get shares(): Shares {
    return this.#parts.shares;
  }

  async open(map: CarriedMap, mode: MapMode, facts: OpenFacts = {}): Promise<void> {
    const { resumed = false, keepMs, report } = facts;
    const gathered = new GatheredMap(map, kindOf(map, mode, this.#parts.tools, { resumed, keepMs }), {
      seals: this.#parts.tools.seals,
      meter: this.#parts.meter,
      firstPatienceMs: this.#firstPatienceMs,
      sendAgain: (again, chunk) => this.#parts.missingShares.sendAgain(again, chunk),
      settled: (...outcome) => this.#parts.cleanUp.track(this.#parts.backups.settled(...outcome)),
      trim: (trimmed) => this.#trim(trimmed),
      refused: (mine, error) => this.#onRefusal(mine, error, "the map's keys were not kept"),
    });
    this.#maps.set(map.id, gathered);
    if (report !== undefined) this.#parts.reports.add(report, { durable: gathered.kind.traits.isDurable });
    gathered.open();
    await gathered.kind.takeUp(gathered);
    // The map may have ended meanwhile.
    if (this.#maps.get(map.id) === gathered) this.#parts.tools.reader.add(gathered);
  }

  async enqueue(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return;
    gathered.adding.add(chunks);
    try {
      await this.#parts.jobs.add(gathered, await gathered.kind.admit(gathered, chunks));
    } finally {
      gathered.adding.delete(chunks);
    }
  }

  async ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V> {
    return await untilTaken(question, {
      isWanted: () => !map.ended && !this.#closed,
      onRefused: (error) =>
        this.#parts.watch.warn({ mapId: map.id, err: error }, "Redis refused, trying again"),
    });
  }

  get isRefused(): boolean {
    return this.#parts.watch.isRefusing;
  }

  async seal(map: CarriedMap, total: number): Promise<void> {
    await this.#maps.get(map.id)?.kind.seal(total);
  }

  settledHere(map: CarriedMap, index: number, error: unknown): void {
    this.#maps.get(map.id)?.kind.settledHere(index, error);
  }

  drop(map: CarriedMap, end: MapEnd): void {
    const gathered = this.#maps.get(map.id);
    // Another handle may have taken the map up since.
    if (gathered?.map !== map) return;
    const stays = gathered.kind.outlives(end);
    if (!stays) this.#reportEnd(gathered, end);
    this.leave(map);
    if (!stays) this.#parts.cleanUp.forget(gathered, end);
  }

  /**
   * Called when the map has its last outcome. It stays in Redis until somebody has looked at the results, or it expires.
   */
  settle(map: CarriedMap, end: MapEnd): (() => void) | undefined {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return undefined;
    this.#reportEnd(gathered, end);
    this.leave(map);
    return () => {
      // Another handle may have taken the map up since.
      if (!this.#maps.has(map.id)) this.#parts.cleanUp.forget(gathered, end);
    };
  }

  leave(map: CarriedMap): void {
    const gathered = this.#maps.get(map.id);
    if (gathered === undefined) return;
    gathered.close();
    this.#maps.delete(map.id);
    this.#parts.reports.remove(map.id);
    this.#parts.tools.reader.remove(gathered);
  }

  #reportEnd({ map, kind }: GatheredMap, end: MapEnd): void {
    const told = kind.traits.isOurs
      ? this.#parts.reports.ended(map.id, end)
      : this.#parts.reports.endedHere(map.id, end, map.progress);
    // If this fails, watchers see that the producer has fallen silent.
    if (told !== undefined) this.#parts.cleanUp.track(told.catch(() => {}));
  }

  measured(): ReturnType<Meter["read"]> {
    return this.#parts.meter.read();
  }

  async counts(): ReturnType<MapGather["counts"]> {
    return await this.#parts.jobs.counts();
  }

  async machines(asked: "live" | "remembered" = "live"): Promise<WorkerAdvertisement[]> {
    const { signer, queue } = this.#gathered;
    return fittingMachines(await this.#parts.machines[asked](), signer, queue);
  }

  /**
   * Declares again that the map is wanted, because Redis was away and may have lost its keys. Resolves once that is done.
   */
  async reopen(map: CarriedMap): Promise<void> {
    const gathered = this.#maps.get(map.id);
    gathered?.reopen();
    await gathered?.opened;
  }

  /** Waits until dropped maps are cleaned up, then stops reading. The connections stay the caller's. */
  async close(disconnectBlocking: () => void): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticker);
    this.shares.close();
    const { tools, cleanUp, jobs } = this.#parts;
    const cleaned = cleanUp.close();
    tools.ended.flush();
    // If Redis is gone for good, the keys expire, and workers find that the maps are unwanted.
    await this.#ifAnswered(cleaned);
    await this.#ifAnswered(Promise.all([tools.reader.close(disconnectBlocking), jobs.close()]));
  }

  async obliterate(): Promise<void> {
    const removed = this.#parts.jobs.obliterate().then(() => this.#parts.reports.obliterate());
    await this.#ifAnswered(removed);
    const { workers, workerInfo, workerDetail, idle, kept } = this.#gathered.keys;
    await this.#ifAnswered(this.#redis.unlink(workers, workerInfo, workerDetail, idle, kept));
  }

  /** Waits for a step of the end, unless Redis did not answer an earlier one: it is gone, and the pool has to end. */
  async #ifAnswered(step: Promise<unknown>): Promise<void> {
    this.#answers = await settlesWithin(this.#answers ? CLEAN_UP_TIMEOUT_MS : 0, step);
  }

  #trim({ map, cursor }: GatheredMap): void {
    // Keeps the last entry, so that the stream's key continues to exist.
    this.#redis.xtrim(this.#gathered.keys.out(map.id), "MINID", cursor).catch(() => {});
  }

  #tick(): void {
    this.#parts.reports.tick();
    const refused = this.#parts.watch.look(this.#maps.size);
    if (refused !== undefined) for (const { map } of this.#maps.values()) map.fail(refused);
    const now = performance.now();
    this.shares.tick(now);
    for (const gathered of this.#maps.values()) {
      const past = gathered.donePages.takePast(() => gathered.map.underWay);
      // If this fails, the pages expire.
      this.scripts.dropPages(gathered.mapId, past).catch(() => {});
      const due = gathered.due(now);
      if (due === "lookAfter") void gathered.lookAfter(() => this.#lookAfter(gathered));
      else if (due === "reopen") gathered.reopen();
    }
  }

  /** Enqueues again what Redis has lost of a map. */
  async #lookAfter(gathered: GatheredMap): Promise<void> {
    const { map } = gathered;
    try {
      const lost = await gathered.kind.lookAfter(gathered);
      if (map.ended) return;
      this.#hooks.quiet?.(map);
      if (lost.length === 0) return;
      const facts = { mapId: map.id, jobs: lost.length };
      this.#hooks.warn(facts, "jobs vanished from Redis, enqueuing them again");
      // Machines drop jobs that are not signed with their key. If no machine has this producer's key, jobs would be
      // enqueued for ever.
      await this.machines();
      await this.enqueue(map, lost);
    } catch (error) {
      if (
        error instanceof UnknownMapError ||
        error instanceof IncompleteMapError ||
        error instanceof SigningKeyError
      ) {
        map.fail(error);
      } else if (isWrongType(error)) gathered.onForeign();
      else this.#onRefusal(gathered, error, "reconcile failed, trying again later");
    }
  }

  /** Ends a map if Redis refuses something that it needs, unless the refusal may pass. */
  #onRefusal(gathered: GatheredMap, error: unknown, message: string): void {
    if (classifyRefusal(error).reason === "permission") gathered.onRefused(error);
    else this.#parts.watch.warn({ mapId: gathered.map.id, err: error }, message);
  }
}
