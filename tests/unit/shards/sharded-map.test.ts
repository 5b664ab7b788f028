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

/** Sends chunks, and gives what each shard is sent at once. */
function send(
  sharded: ShardedMap,
  chunks: ReturnType<CarriedMap["chunks"]>,
  shards: readonly Shard[],
  answer: Promise<void> = Promise.resolve(),
): (readonly [Shard, readonly number[]])[] {
  const sent: (readonly [Shard, readonly number[]])[] = [];
  for (const shard of sharded.place(chunks, shards)) {
    void sharded.sendTo(shard, async (mine) => {
      sent.push([shard, mine.map(({ at }) => at)]);
      await answer;
    });
  }
  return sent;
}

const RAN = { ms: 1 };

test("a shard that has not answered the last send holds up no other, and gets what gathers meanwhile at once", async () => {
  const map = aMap(20);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  const { promise: slow, resolve: answers } = Promise.withResolvers<void>();
  const sentToA: number[][] = [];
  const sendToA = async (chunks: readonly { at: number }[]): Promise<void> => {
    sentToA.push(chunks.map(({ at }) => at));
    await slow;
  };
  const [first = [], ...later] = [0, 4, 8, 12].map((from) =>
    map.chunks([from, from + 1, from + 2, from + 3]),
  );
  sharded.place(first, [A, B]);
  const sending = sharded.sendTo(A, sendToA);
  expect(send(sharded, [], [A, B])).toEqual([]);
  void sharded.sendTo(B, async () => {});
  await sharded.untilFree(); // B has answered
  for (const chunks of later) {
    sharded.place(chunks, [A, B]);
    void sharded.sendTo(A, sendToA);
    void sharded.sendTo(B, async () => {});
    await sharded.untilFree();
  }
  expect(sentToA).toEqual([[0, 2]]);
  // What waits is not under way: who looks for jobs that Redis has lost would take it for lost.
  expect(sharded.partOn(A).underWay).toEqual([0, 2]);
  expect(sharded.partOn(B).underWay).toHaveLength(8);

  answers();
  await sending;
  expect(sentToA).toEqual([
    [0, 2],
    [4, 6, 8, 10, 12, 14],
  ]);
  expect(sharded.partOn(A).underWay).toHaveLength(8);
});

test("what does not fill a script is sent with the next one", async () => {
  const map = aMap(250);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  sharded.place(all(map), [A]);
  const sent: number[] = [];
  await sharded.sendTo(A, (chunks) => {
    sent.push(chunks.length);
    return Promise.resolve();
  });
  expect(sent).toEqual([200, 50]);
});

test("what waits for a shard that falls silent goes to the others, and is not sent to it later", async () => {
  const map = aMap(6);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  const { promise: never, resolve: answers } = Promise.withResolvers<void>();
  send(sharded, map.chunks([0, 1]), [A, B], never);
  send(sharded, map.chunks([2, 3, 4, 5]), [A, B]);
  const onA = sharded.partOn(A).underWay;
  const moved = sharded.takeFrom(A).map(({ at }) => at);
  expect(moved).toHaveLength(3);
  send(sharded, map.chunks(moved), [B]);
  answers();
  await sharded.untilFree();
  await sharded.untilFree();
  expect(sharded.partOn(A).underWay).toEqual([]);
  expect(sharded.partOn(B).underWay.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  // Only what was sent may still wait there.
  expect(sharded.takeLeft(A)).toEqual(onA);
});

test("a refused send ends the map", async () => {
  const failed = Promise.withResolvers<unknown>();
  const map = Object.assign(aMap(2), { fail: failed.resolve });
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  sharded.place(all(map), [A]);
  await sharded.sendTo(A, () => Promise.reject(new Error("refused")));
  await expect(failed.promise).resolves.toEqual(new Error("refused"));
});

test("what a silent shard had goes to the others, and the first outcome counts, wherever it comes from", async () => {
  const map = aMap(6);
  const sharded = new ShardedMap(map, "plain", {}, { ids: undefined, turn: 0 });
  send(sharded, all(map), [A, B, C]);
  const onB = sharded.partOn(B).underWay;
  expect(onB).toHaveLength(2);
  const [late = -1, lost = -1] = onB;

  const moved = sharded.takeFrom(B);
  expect(moved.map(({ at }) => at)).toEqual(onB);
  expect(sharded.waitsFor(B)).toBe(false);
  await Promise.resolve();
  expect(sharded.place(moved, [A, C]).size).toBe(2);
  for (const shard of [A, C]) await sharded.sendTo(shard, async () => {});
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
  send(sharded, all(map), [A, B]);
  send(sharded, sharded.takeFrom(B), [B]);
  expect(sharded.takeLeft(B)).toEqual([]);
});

test("chunks of a durable map belong on a shard, whoever sends them and whoever reads them", () => {
  const map = aMap(30);
  const ids = ["a", "b", "c"];
  const sharded = new ShardedMap(map, "durable", {}, { ids, turn: 0 });
  for (const shard of [A, B, C]) sharded.partOn(shard);
  const placed = send(sharded, all(map), [A]);
  expect(placed).toHaveLength(3);
  const attached = new ShardedMap(map, "attached", {}, { ids: ids.toReversed(), turn: 7 });
  for (const shard of [C, B, A]) attached.partOn(shard);
  for (const [shard, chunks] of placed) {
    expect(attached.partOn(shard).underWay).toEqual(chunks);
    for (const at of chunks) expect(attached.homeOf(at)).toBe(shard);
  }
});
