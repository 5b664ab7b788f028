/** One map over several shards: which of its chunks is where. */

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
  /** First indices of chunks that are under way there. */
  readonly here: Set<number>;
  /** First indices of chunks that were there, and were sent elsewhere while it was silent. */
  readonly left: Set<number>;
}

/** Chunks, and the shard on which they go. */
export type Placed = readonly [shard: Shard, chunks: Chunk[]];

export class ShardedMap {
  readonly map: CarriedMap;
  readonly mode: MapMode;
  readonly facts: OpenFacts;
  /** Ids of the shards over which a durable map is spread; `undefined` of a plain one, which goes wherever there is room. */
  readonly #ids: readonly string[] | undefined;
  readonly #places = new Map<Shard, Place>();
  readonly #shardOf = new Map<number, Shard>();
  /** The next of equal shards. */
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

  /** The part of the map on a shard; made if there is none. */
  partOn(shard: Shard): ShardPart {
    let place = this.#places.get(shard);
    if (place === undefined) {
      const here = new Set<number>();
      const underWay =
        this.mode === "attached"
          ? () => this.map.underWay.filter((at) => this.#homeId(at) === shard.id)
          : () => [...here];
      const part = new ShardPart(this.map, { underWay, taken: (at) => this.#taken(at) });
      place = { part, here, left: new Set() };
      this.#places.set(shard, place);
    }
    return place.part;
  }

  /** Whether it has a part on that shard. */
  isOn(shard: Shard): boolean {
    return this.#places.has(shard);
  }

  /** Whether something of it waits for an outcome from that shard. */
  waitsFor(shard: Shard): boolean {
    return (this.#places.get(shard)?.part.underWay.length ?? 0) > 0;
  }

  /** The shard on which a chunk of a durable map belongs, whoever sends it. */
  homeOf(at: number): Shard | undefined {
    const id = this.#homeId(at);
    return [...this.#places.keys()].find((shard) => shard.id === id);
  }

  /** Where a chunk is under way. */
  shardOf(at: number): Shard | undefined {
    return this.#shardOf.get(at);
  }

  /**
   * Places chunks, which are under way there from now on.
   *
   * @param candidates - where those of a plain map may go; at least one
   */
  place(chunks: readonly Chunk[], candidates: readonly Shard[]): Placed[] {
    const placed = new Map<Shard, Chunk[]>();
    const put = (chunk: Chunk, shard: Shard): void => {
      this.#shardOf.set(chunk.at, shard);
      this.partOn(shard);
      this.#places.get(shard)?.here.add(chunk.at);
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

  /** Takes away what is under way on a shard, to be placed elsewhere. */
  takeFrom(shard: Shard): Chunk[] {
    const place = this.#places.get(shard);
    if (place === undefined || place.here.size === 0) return [];
    const indices = [...place.here];
    for (const at of indices) place.left.add(at);
    place.here.clear();
    for (const at of indices) this.#shardOf.delete(at);
    return this.map.chunks(indices);
  }

  /** First indices of what was taken from a shard and may still wait there; forgets them. */
  takeLeft(shard: Shard): number[] {
    const place = this.#places.get(shard);
    // Removing is by map: what is under way there must not go with the rest.
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
