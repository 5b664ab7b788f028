/** One map over several shards: the shard of each of its chunks. */

import { jobIdOf } from "@poolmq/shared/redis";

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
  /** First indices of chunks that are under way on the shard. */
  readonly here: Set<number>;
  /** First indices of chunks that were sent elsewhere while the shard was silent. */
  readonly left: Set<number>;
}

/** Chunks, and the shard to which they go. */
export type Placed = readonly [shard: Shard, chunks: Chunk[]];

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
      place = { part, opened: undefined, here, left: new Set() };
      this.#places.set(shard, place);
    }
    return place;
  }

  /** Whether it has a part on the shard. */
  isOn(shard: Shard): boolean {
    return this.#places.has(shard);
  }

  /** Whether a chunk of it is under way on the shard. */
  waitsFor(shard: Shard): boolean {
    return (this.#places.get(shard)?.part.underWay.length ?? 0) > 0;
  }

  /** How many chunks of a durable map wait for a shard that does not answer; none if no other could get some. */
  get stuck(): number {
    const places = this.#ids === undefined ? [] : [...this.#places];
    if (places.every(([{ isSilent }]) => isSilent)) return 0;
    return places.reduce((sum, [{ isSilent }, { here }]) => (isSilent ? sum + here.size : sum), 0);
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
   * Places chunks on shards, where they count as under way from now on.
   *
   * @param candidates - the shards to which chunks of a plain map may go, at least one
   */
  place(chunks: readonly Chunk[], candidates: readonly Shard[]): Placed[] {
    const placed = new Map<Shard, Chunk[]>();
    const put = (chunk: Chunk, shard: Shard): void => {
      this.#shardOf.set(chunk.at, shard);
      this.#placeOn(shard).here.add(chunk.at);
      const others = placed.get(shard);
      if (others === undefined) placed.set(shard, [chunk]);
      else others.push(chunk);
    };
    if (this.#ids !== undefined) {
      for (const chunk of chunks) {
        const home = this.homeOf(chunk.at);
        if (home !== undefined) put(chunk, home);
      }
      return [...placed];
    }
    const underWay = candidates.map((shard) => this.#places.get(shard)?.here.size ?? 0);
    const dealt = dealOut(chunks.length, underWay, this.#turn);
    this.#turn += chunks.length;
    for (const [n, chunk] of chunks.entries()) {
      const shard = candidates[dealt[n] ?? 0];
      if (shard !== undefined) put(chunk, shard);
    }
    return [...placed];
  }

  /** Removes the chunks that are under way on a shard, which are then placed elsewhere. */
  takeFrom(shard: Shard): Chunk[] {
    const place = this.#places.get(shard);
    if (place === undefined || place.here.size === 0) return [];
    const indices = [...place.here];
    for (const at of indices) place.left.add(at);
    place.here.clear();
    for (const at of indices) this.#shardOf.delete(at);
    return this.map.chunks(indices);
  }

  /** Gives, once, the first indices of chunks that were taken from a shard and may still wait there. */
  takeLeft(shard: Shard): number[] {
    const place = this.#places.get(shard);
    // Jobs are removed by map, so nothing is removed while other chunks of the map are under way there.
    if (place === undefined || place.here.size > 0) return [];
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
