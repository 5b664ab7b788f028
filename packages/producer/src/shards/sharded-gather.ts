/**
 * The gather of a queue that is spread over several shards. Each shard has a gather of its own, which does not know the
 * others; for a map, this is its only transport.
 *
 *                      ┌─▶ Shard a: Gather ─▶ Redis a ◀─┐
 *   MapRun ─▶ ShardedGather ─▶ Shard b: Gather ─▶ Redis b ◀─┤ worker machines
 *                      └─▶ Shard c: Gather ─▶ Redis c ◀─┘
 *
 * A chunk of a plain map goes to the shard with the fewest chunks of the map under way. When a shard is silent, its
 * chunks of plain maps are sent to the others; the outcome that comes first counts, and the map drops the second. Chunks
 * of a durable map, and those under a limit, belong to one shard, and wait for it.
 */

import { clearInterval, setInterval } from "node:timers";

import { settlesWithin } from "@poolmq/shared/internal";
import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { Chunk } from "../input/chunk.ts";
import type { GatherHooks } from "../gather/gather-parts.ts";
import type { MapMode } from "../gather/kinds/map-kind.ts";
import type { MapGather, OpenFacts } from "../gather/map-gather.ts";
import type { Meter } from "../map/meter.ts";
import type { MapEnd } from "../map/outcomes/sink.ts";
import type { CarriedMap } from "../map/transport.ts";
import { untilTaken } from "../redis/retry-refused.ts";
import { EachShard } from "./each-shard.ts";
import { reportOnShard } from "./report-on-shard.ts";
import type { ShardList } from "./shard-list.ts";
import type { Shard } from "./shard.ts";
import { LOOK_MS } from "./shard.ts";
import { ShardedDurable } from "./sharded-durable.ts";
import { ShardedMap } from "./sharded-map.ts";
import { ShardedShares } from "./sharded-shares.ts";
import { ShardedTail } from "./sharded-tail.ts";

/**
 * How long it may take to put a shard in order that answers again, in ms. Remains that are not removed by then are found
 * later.
 */
const IN_ORDER_MS = 1_000;

export class ShardedGather implements MapGather {
  readonly durable: ShardedDurable;
  readonly shares: ShardedShares;
  readonly tail: ShardedTail;
  readonly jobs: MapGather["jobs"];
  readonly #list: ShardList;
  readonly #meter: Meter;
  readonly #hooks: GatherHooks;
  readonly #each: EachShard;
  readonly #maps = new Map<string, ShardedMap>();
  readonly #ticker: NodeJS.Timeout;
  /** The machines at the last look. */
  #machines: readonly WorkerAdvertisement[] = [];
  #isClosed = false;

  constructor(list: ShardList, meter: Meter, hooks: GatherHooks) {
    this.#list = list;
    this.#meter = meter;
    this.#hooks = hooks;
    this.#each = new EachShard(list);
    this.durable = new ShardedDurable(list, (task) => this.#mayBeLimited(task));
    this.shares = new ShardedShares(list);
    this.tail = new ShardedTail({
      serving: () => list.serving,
      sharded: (mapId) => this.#maps.get(mapId),
      machines: () => this.machines(),
    });
    this.jobs = {
      setPriority: async (...order) => {
        await Promise.all(
          list.joined.map((shard) => shard.unlessSilent(shard.gather.jobs.setPriority(...order))),
        );
      },
    };
    this.#ticker = setInterval(() => this.#tick(), LOOK_MS).unref();
  }

  get isRefused(): boolean {
    return this.#list.serving.some(({ gather }) => gather.isRefused);
  }

  async open(map: CarriedMap, mode: MapMode, facts: OpenFacts = {}): Promise<void> {
    const ids = mode === "plain" ? undefined : this.durable.idsOf(map.id);
    const sharded = new ShardedMap(map, mode, facts, { ids, turn: Math.floor(Math.random() * 64) });
    this.#maps.set(map.id, sharded);
    // A single item is opened on the shard to which it goes: with k shards, each call would cost all k of them a script.
    if (mode === "plain" && map.progress.total === 1) return;
    const shards = this.#list.joined.filter(({ id = "" }) => ids === undefined || ids.includes(id));
    // Make all parts first, since one shard may already have an outcome of a chunk that belongs to another.
    for (const shard of shards) sharded.partOn(shard);
    await Promise.all(shards.map((shard) => this.#openOn(sharded, shard)));
  }

  /** Opens the map's part on a shard, if it is not open there. */
  async #openOn(sharded: ShardedMap, shard: Shard): Promise<void> {
    const { mode, facts } = sharded;
    await sharded.openOn(shard, async (part) => {
      const report = facts.report && { report: reportOnShard(facts.report) };
      await shard.gather.open(part, mode, { ...facts, ...report });
    });
  }

  async enqueue(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    const sharded = this.#maps.get(map.id);
    if (sharded !== undefined) await this.#send(sharded, chunks);
  }

  /** Resolves once more chunks of a plain map can be sent, or once those of a durable one are under way. */
  async #send(sharded: ShardedMap, chunks: readonly Chunk[]): Promise<void> {
    const placed = sharded.place(chunks, this.#candidates(sharded.map));
    const sent = [...placed].map((shard) =>
      sharded.sendTo(shard, async (mine) => {
        // Begun in the same turn, so that one script opens the map and adds its first jobs.
        const steps = [this.#openOn(sharded, shard), shard.gather.enqueue(sharded.partOn(shard), mine)];
        // What belongs on a shard that is silent is enqueued once it answers, and looked after.
        await shard.unlessSilent(Promise.all(steps));
      }),
    );
    await (sharded.mode === "plain" ? sharded.untilFree() : Promise.all(sent));
  }

  /** The shards to which chunks of a plain map may go. */
  #candidates(map: CarriedMap): readonly Shard[] {
    const { joined, serving, ids } = this.#list;
    const [first = joined[0]] = joined.filter(({ id }) => id !== undefined && id === ids?.[0]);
    // The permits of a limit are on one shard, which must be the same for all producers, and for tasks whose limit only
    // workers know.
    if (first !== undefined && map.job.limit !== undefined) return [first];
    if (first?.isServing === true && this.#mayBeLimited(map.task)) return [first];
    const served = serving.filter(({ hasMachines }) => hasMachines);
    if (served.length > 0) return served;
    return serving.length > 0 ? serving : joined;
  }

  /** Whether the definition of a task has a limit, or is not known. */
  #mayBeLimited(task: string): boolean {
    const infos = this.#machines.flatMap(({ tasks }) =>
      Object.hasOwn(tasks, task) ? (tasks[task] ?? []) : [],
    );
    return infos.length === 0 || infos.some(({ limit }) => limit !== undefined);
  }

  async ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V> {
    return await untilTaken(question, {
      isWanted: () => !map.ended && !this.#isClosed,
      onRefused: (error) => this.#hooks.warn({ mapId: map.id, err: error }, "Redis refused, trying again"),
    });
  }

  async seal(map: CarriedMap, total: number): Promise<void> {
    const parts = this.#maps.get(map.id)?.parts ?? [];
    await Promise.all(parts.map(([{ gather }, part]) => gather.seal(part, total)));
  }

  settledHere(map: CarriedMap, index: number, error: unknown): void {
    const sharded = this.#maps.get(map.id);
    const home = sharded?.homeOf(index);
    if (sharded !== undefined) home?.gather.settledHere(sharded.partOn(home), index, error);
  }

  drop(map: CarriedMap, end: MapEnd): void {
    for (const [{ gather }, part] of this.#take(map)) gather.drop(part, end);
  }

  settle(map: CarriedMap, end: MapEnd): (() => void) | undefined {
    const deliveries = this.#take(map).flatMap(([{ gather }, part]) => gather.settle(part, end) ?? []);
    return () => {
      for (const deliver of deliveries) deliver();
    };
  }

  leave(map: CarriedMap): void {
    for (const [{ gather }, part] of this.#take(map)) gather.leave(part);
  }

  /** Forgets a map and gives its parts; none if another handle has taken the map up since. */
  #take(map: CarriedMap): ShardedMap["parts"] {
    const sharded = this.#maps.get(map.id);
    if (sharded?.map !== map) return [];
    this.#maps.delete(map.id);
    return sharded.parts;
  }

  async machines(asked: "live" | "remembered" = "live"): Promise<WorkerAdvertisement[]> {
    const seen = await this.#each.ask(async (shard) => {
      const machines = await shard.gather.machines(asked);
      if (asked === "live") shard.hasMachines = machines.length > 0;
      return machines;
    });
    const machines = [...new Map(seen.flat().map((machine) => [machine.id, machine])).values()];
    if (asked === "live") this.#machines = machines;
    return [...machines];
  }

  measured(): ReturnType<MapGather["measured"]> {
    return this.#meter.read();
  }

  async counts(): ReturnType<MapGather["counts"]> {
    const counts = await this.#each.ask(({ gather }) => gather.counts());
    return {
      waiting: counts.reduce((sum, { waiting }) => sum + waiting, 0),
      active: counts.reduce((sum, { active }) => sum + active, 0),
    };
  }

  stuck({ id }: Pick<CarriedMap, "id">): number {
    return this.#maps.get(id)?.stuck ?? 0;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#ticker);
    await this.#list.close();
  }

  async obliterate(): Promise<void> {
    await Promise.all(this.#list.joined.map(({ gather }) => gather.obliterate()));
  }

  /** Called when a shard answers for the first time after the start: it gets its part of all maps that run. */
  joined(shard: Shard): void {
    this.shares.joined(shard);
    for (const sharded of this.#maps.values()) {
      if (sharded.mode !== "plain" || sharded.isOn(shard)) continue;
      this.#openOn(sharded, shard).catch((error: unknown) => sharded.map.fail(error));
    }
    this.#goRound();
  }

  fellSilent(shard: Shard): void {
    this.#hooks.alarm(this.#whatBecomes(shard));
    this.#goRound();
  }

  serves(shard: Shard): void {
    this.#hooks.warn({ shard: shard.address }, "the shard answers again");
    this.#goRound();
  }

  /** Called when a shard answers again: puts the remains of maps on it in order before it serves. */
  async putInOrder(shard: Shard): Promise<void> {
    const steps = [...this.#maps.values()].map(async (sharded) => {
      if (!sharded.isOn(shard)) return;
      await shard.gather.reopen(sharded.partOn(shard));
      const left = sharded.takeLeft(shard);
      if (left.length > 0) await shard.removeWaiting(sharded.map.id, left);
    });
    // Its record may be gone, and is written again. If other processes disagree by now, this pool goes on as it began.
    await settlesWithin(IN_ORDER_MS, Promise.allSettled([...steps, this.#list.agree()]));
  }

  /** Sends the chunks of plain maps that are on silent shards to other shards. */
  #goRound(): void {
    const { joined, serving } = this.#list;
    if (serving.length === 0) return;
    for (const shard of joined.filter(({ isSilent }) => isSilent)) {
      for (const sharded of this.#maps.values()) {
        if (!this.#canGoRound(sharded)) continue;
        const chunks = sharded.takeFrom(shard);
        if (chunks.length === 0) continue;
        this.#send(sharded, chunks).catch((error: unknown) => sharded.map.fail(error));
      }
    }
  }

  #canGoRound({ mode, map }: ShardedMap): boolean {
    return mode === "plain" && map.job.limit === undefined;
  }

  #whatBecomes(shard: Shard): string {
    const there = [...this.#maps.values()].filter((sharded) => sharded.waitsFor(shard));
    const waiting = there.filter((sharded) => !this.#canGoRound(sharded)).map(({ map }) => `"${map.id}"`);
    const rest = this.#list.serving.length === 0 ? "waits for it, as no other does" : "is sent to the others";
    const what = `The shard at ${shard.address} does not answer. What it had of maps ${rest}`;
    if (waiting.length === 0) return `${what}.`;
    const which = `${waiting.length === 1 ? "map" : "maps"} ${waiting.slice(0, 5).join(", ")}`;
    return `${what}, except that of ${which}, which belongs there and goes on when it is back.`;
  }

  #tick(): void {
    const isBusy = this.#maps.size > 0 || this.#each.isAsking;
    for (const shard of this.#list.joined) {
      if (isBusy) shard.look();
      else shard.rest();
    }
  }
}
