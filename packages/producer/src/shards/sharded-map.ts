/**
 * One map over several shards: the shard of each of its chunks. What is to go to a shard while an earlier send is unanswered
 * there waits, and goes together with the next one: a slow shard holds up no other, and gets few large scripts, as if it were
 * the only one.
 */

import { setImmediate as nextTurn } from "node:timers/promises";

import { AT_ONCE, jobIdOf } from "@poolmq/shared/redis";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap } from "../map/transport.ts";
import type { MapMode } from "../gather/kinds/map-kind.ts";
import type { OpenFacts } from "../gather/map-gather.ts";
import { dealOut, homeOf } from "./placement.ts";
import { ShardPart } from "./shard-part.ts";
import type { Shard } from "./shard.ts";

interface Place {
  readonly part: ShardPart;
  /** Resolves once the part is open there; `undefined` before that is asked for. */
  opened: Promise<void> | undefined;
  /** Chunks that are to be sent there when the last send is answered. */
  waiting: Chunk[];
  /** The send that is unanswered, and all that follow it without a pause. */
  sending: { one: Promise<void>; readonly all: Promise<void> } | undefined;
  /** First indices of chunks that are under way on the shard. */
  readonly here: Set<number>;
  /** First indices of chunks that were sent elsewhere while the shard was silent. */
  readonly left: Set<number>;
}

export class ShardedMap {
  readonly map: CarriedMap;
  readonly mode: MapMode;
  readonly facts: OpenFacts;
  /** Ids of the shards over which a durable map is spread; `undefined` for a plain one, whose chunks may go anywhere. */
  readonly #ids: readonly string[] | undefined;
  readonly #places = new Map<Shard, Place>();
  readonly #shardOf = new Map<number, Shard>();
  /** Number of the shard that is next among equal ones. */
  #turn: number;

  constructor(
    map: CarriedMap,
    mode: MapMode,
    facts: OpenFacts,
    { ids, turn }: { readonly ids: readonly string[] | undefined; readonly turn: number },
  ) {
    this.map = map;
    this.mode = mode;
    this.facts = facts;
    this.#ids = ids;
    this.#turn = turn;
  }

  /** Its parts, by shard. */
  get parts(): (readonly [Shard, ShardPart])[] {
    return [...this.#places].map(([shard, { part }]) => [shard, part]);
  }

  /** Gives the part of the map on a shard, and makes it if there is none. */
  partOn(shard: Shard): ShardPart {
    return this.#placeOn(shard).part;
  }

  /** Opens its part on a shard, unless that was done before. */
  async openOn(shard: Shard, open: (part: ShardPart) => Promise<void>): Promise<void> {
    const place = this.#placeOn(shard);
    place.opened ??= open(place.part);
    await place.opened;
  }

  #placeOn(shard: Shard): Place {
    let place = this.#places.get(shard);
    if (place === undefined) {
      const here = new Set<number>();
      const underWay =
        this.mode === "attached"
          ? () => this.map.underWay.filter((at) => this.#homeId(at) === shard.id)
          : () => [...here];
      const part = new ShardPart(this.map, { underWay, taken: (at) => this.#taken(at) });
      place = { part, opened: undefined, waiting: [], sending: undefined, here, left: new Set() };
      this.#places.set(shard, place);
    }
    return place;
  }

  /** Whether it has a part on the shard. */
  isOn(shard: Shard): boolean {
    return this.#places.has(shard);
  }

  /** Whether a chunk of it is under way on the shard, or is to be sent there. */
  waitsFor(shard: Shard): boolean {
    const place = this.#places.get(shard);
    return place !== undefined && place.part.underWay.length + place.waiting.length > 0;
  }

  /** How many chunks of a durable map wait for a shard that does not answer; none if no other could get some. */
  get stuck(): number {
    const places = this.#ids === undefined ? [] : [...this.#places];
    if (places.every(([{ isSilent }]) => isSilent)) return 0;
    return places.reduce((sum, [{ isSilent }, place]) => (isSilent ? sum + countOf(place) : sum), 0);
  }

  /** The shard to which a chunk of a durable map belongs, the same for all processes. */
  homeOf(at: number): Shard | undefined {
    const id = this.#homeId(at);
    return [...this.#places.keys()].find((shard) => shard.id === id);
  }

  /** The shard on which a chunk is under way. */
  shardOf(at: number): Shard | undefined {
    return this.#shardOf.get(at);
  }

  /**
   * Places chunks on shards, where they wait until they are sent.
   *
   * @param candidates - the shards to which chunks of a plain map may go, at least one
   * @returns the shards that have got some
   */
  place(chunks: readonly Chunk[], candidates: readonly Shard[]): Set<Shard> {
    const placed = new Set<Shard>();
    const put = (chunk: Chunk, shard: Shard): void => {
      this.#shardOf.set(chunk.at, shard);
      this.#placeOn(shard).waiting.push(chunk);
      placed.add(shard);
    };
    if (this.#ids !== undefined) {
      for (const chunk of chunks) {
        const home = this.homeOf(chunk.at);
        if (home !== undefined) put(chunk, home);
      }
      return placed;
    }
    const loads = candidates.map((shard) => countOf(this.#places.get(shard)));
    const dealt = dealOut(chunks.length, loads, this.#turn);
    this.#turn += chunks.length;
    for (const [n, chunk] of chunks.entries()) {
      const shard = candidates[dealt[n] ?? 0];
      if (shard !== undefined) put(chunk, shard);
    }
    return placed;
  }

  /**
   * Sends what waits for a shard, unless a send is unanswered there: then it goes with the next one. Resolves once nothing waits
   * for the shard any more.
   *
   * @param send - resolves once the shard has answered. Its error ends the map
   */
  async sendTo(shard: Shard, send: (chunks: readonly Chunk[]) => Promise<void>): Promise<void> {
    const place = this.#placeOn(shard);
    if (place.sending === undefined) {
      const one = send(this.#takeWaiting(shard, place));
      place.sending = { one, all: this.#sendOn(shard, place, one, send) };
    }
    await place.sending.all;
  }

  async #sendOn(
    shard: Shard,
    place: Place,
    first: Promise<void>,
    send: (chunks: readonly Chunk[]) => Promise<void>,
  ): Promise<void> {
    try {
      await first;
      for (;;) {
        const chunks = this.#takeWaiting(shard, place);
        if (chunks.length === 0) return;
        const one = send(chunks);
        if (place.sending !== undefined) place.sending.one = one;
        await one;
      }
    } catch (error) {
      this.map.fail(error);
    } finally {
      place.sending = undefined;
    }
  }

  /** Waits until one of the shards has no unanswered send, so that more can go there. */
  async untilFree(): Promise<void> {
    const sends = [...this.#places.values()].flatMap(({ sending }) => sending?.one ?? []);
    if (sends.length < this.#places.size) await nextTurn();
    else await Promise.race(sends).catch(() => {}); // handled where it was sent
  }

  /** Notes that what waits for a shard is under way there. What does not fill a script waits for others. */
  #takeWaiting(shard: Shard, place: Place): Chunk[] {
    // Its outcome may have come meanwhile, from a shard that was silent.
    const waiting = place.waiting.filter(({ at }) => this.#shardOf.get(at) === shard);
    const count = waiting.length < AT_ONCE ? waiting.length : waiting.length - (waiting.length % AT_ONCE);
    const chunks = waiting.slice(0, count);
    place.waiting = waiting.slice(count);
    for (const { at } of chunks) place.here.add(at);
    return chunks;
  }

  /** Removes the chunks that are under way on a shard, or wait for it, which are then placed elsewhere. */
  takeFrom(shard: Shard): Chunk[] {
    const place = this.#places.get(shard);
    if (place === undefined || countOf(place) === 0) return [];
    const indices = [...place.here, ...place.waiting.map(({ at }) => at)];
    for (const at of place.here) place.left.add(at);
    place.here.clear();
    place.waiting = [];
    for (const at of indices) this.#shardOf.delete(at);
    return this.map.chunks(indices);
  }

  /** Gives, once, the first indices of chunks that were taken from a shard and may still wait there. */
  takeLeft(shard: Shard): number[] {
    const place = this.#places.get(shard);
    // Jobs are removed by map, so nothing is removed while other chunks of the map are under way there.
    if (place === undefined || countOf(place) > 0) return [];
    const left = [...place.left];
    place.left.clear();
    return left;
  }

  #taken(at: number): void {
    const shard = this.#shardOf.get(at);
    if (shard === undefined) return;
    this.#shardOf.delete(at);
    this.#places.get(shard)?.here.delete(at);
  }

  #homeId(at: number): string | undefined {
    return homeOf(jobIdOf(this.map.id, at), this.#ids ?? []);
  }
}

/** How many chunks it has, or is to get. */
function countOf(place: Place | undefined): number {
  return place === undefined ? 0 : place.here.size + place.waiting.length;
}
