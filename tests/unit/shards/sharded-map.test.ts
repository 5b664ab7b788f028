import { expect, test } from "vitest";

import type { CarriedMap } from "../../../packages/producer/src/map/transport.ts";
import type { Shard } from "../../../packages/producer/src/shards/shard.ts";
import { ShardedMap } from "../../../packages/producer/src/shards/sharded-map.ts";

const [A, B, C] = ["a", "b", "c"].map((id) => ({ id }) as Shard) as [Shard, Shard, Shard];

/** A map of so many chunks of one item, all of which were sent. */
function aMap(length: number): CarriedMap & { readonly taken: number[] } {
  const chunks = new Map(
    Array.from({ length }, (_, at) => [at, { at, n: 1, args: "[]", shares: [] }] as const),
  );
  const taken: number[] = [];
  return {
    id: "m",
    taken,
    chunks: (indices: readonly number[]) => indices.flatMap((at) => chunks.get(at) ?? []),
    take: (at: number) => {
      if (chunks.delete(at)) taken.push(at);
    },
    get underWay() {
      return [...chunks.keys()];
    },
  } as unknown as CarriedMap & { readonly taken: number[] };
}

function all(map: CarriedMap): ReturnType<CarriedMap["chunks"]> {
  return map.chunks(map.underWay);
}

const RAN = { ms: 1 };

test("what a silent shard had goes to the others, and the first outcome counts, wherever it comes from", () => {
  const map = aMap(6);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  sharded.place(all(map), [A, B, C]);
  const onB = sharded.partOn(B).underWay;
  expect(onB).toHaveLength(2);
  const [late = -1, lost = -1] = onB;

  const moved = sharded.takeFrom(B);
  expect(moved.map(({ at }) => at)).toEqual(onB);
  expect(sharded.waitsFor(B)).toBe(false);
  const placed = sharded.place(moved, [A, C]);
  expect(placed.flatMap(([, chunks]) => chunks)).toHaveLength(2);
  expect(sharded.partOn(A).underWay).toHaveLength(3);

  // B answers again, and has one of the outcomes; the other shard has it as well, later.
  const other = sharded.shardOf(late);
  sharded.partOn(B).take(late, "[1]", RAN);
  expect(other && sharded.partOn(other).underWay).not.toContain(late);
  if (other !== undefined) sharded.partOn(other).take(late, "[2]", RAN);
  expect(map.taken).toEqual([late]);
  // What may still wait on B is removed there, once.
  expect(sharded.takeLeft(B)).toEqual([late, lost]);
  expect(sharded.takeLeft(B)).toEqual([]);
});

test("while something is under way on a shard, nothing is removed there", () => {
  const map = aMap(4);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  sharded.place(all(map), [A, B]);
  sharded.place(sharded.takeFrom(B), [B]);
  expect(sharded.takeLeft(B)).toEqual([]);
});

test("chunks of a durable map belong on a shard, whoever sends them and whoever reads them", () => {
  const map = aMap(30);
  const ids = ["a", "b", "c"];
  const sharded = new ShardedMap(map, "durable", {}, { ids, turn: 0 });
  for (const shard of [A, B, C]) sharded.partOn(shard);
  const placed = sharded.place(all(map), [A]);
  expect(placed).toHaveLength(3);
  const attached = new ShardedMap(map, "attached", {}, { ids: ids.toReversed(), turn: 7 });
  for (const shard of [C, B, A]) attached.partOn(shard);
  for (const [shard, chunks] of placed) {
    expect(attached.partOn(shard).underWay).toEqual(chunks.map(({ at }) => at));
    for (const { at } of chunks) expect(attached.homeOf(at)).toBe(shard);
  }
});
