import { expect, test } from "vitest";

import { decideOnShards } from "../../../../packages/shared/src/store/shards/agree-on-shards.ts";

const NEW = { id: undefined, ids: [], before: [] };

function knows(id: string, ids: string, before = ""): Parameters<typeof decideOnShards>[0][number] {
  return { id, ids: ids.split(" "), before: before === "" ? [] : before.split(" ") };
}

test("nobody has agreed on anything: it is founded once all are there", () => {
  expect(decideOnShards([NEW, NEW])).toEqual({ kind: "found" });
  expect(decideOnShards([NEW, { ...NEW, id: "a" }])).toEqual({ kind: "found" });
  expect(decideOnShards([NEW, undefined])).toEqual({ kind: "open" });
});

test("the order of the servers does not matter", () => {
  expect(decideOnShards([knows("b", "a b"), knows("a", "a b")])).toEqual({
    kind: "agreed",
    ids: ["a", "b"],
    own: ["b", "a"],
    lost: [],
  });
});

test("one that is away is known by what the others say", () => {
  expect(decideOnShards([undefined, knows("a", "a b c"), knows("c", "a b c")])).toMatchObject({
    ids: ["a", "b", "c"],
    own: [undefined, "a", "c"],
    lost: [],
  });
});

test("one that was wiped gets its id again, unless another one is away that it might be", () => {
  expect(decideOnShards([knows("a", "a b c"), NEW, knows("c", "a b c")])).toMatchObject({
    own: ["a", "b", "c"],
    lost: [1],
  });
  expect(decideOnShards([knows("a", "a b c"), NEW, undefined])).toMatchObject({
    own: ["a", undefined, undefined],
    lost: [],
  });
  expect(decideOnShards([knows("a", "a b c"), NEW, NEW])).toMatchObject({
    own: ["a", "b", "c"],
    lost: [1, 2],
  });
});

test("a founding that broke off is completed", () => {
  expect(decideOnShards([knows("a", "a b"), { ...NEW, id: "b" }])).toMatchObject({
    own: ["a", "b"],
    lost: [1],
  });
});

test("more, fewer or other shards than those that were agreed on are refused", () => {
  expect(decideOnShards([knows("a", "a b")])).toEqual({ kind: "mismatch", agreed: 2, stranger: undefined });
  expect(decideOnShards([knows("a", "a b"), knows("b", "a b"), NEW])).toMatchObject({
    kind: "mismatch",
    agreed: 2,
  });
  expect(decideOnShards([knows("a", "a b"), knows("c", "c d")])).toEqual({
    kind: "mismatch",
    agreed: 2,
    stranger: 1,
  });
});

test("the same server twice is refused", () => {
  expect(decideOnShards([knows("a", "a b"), knows("a", "a b")])).toEqual({ kind: "twice", places: [0, 1] });
});

test("while shards are added or removed, the list before the change is as good as the new one", () => {
  const a = knows("a", "a b c", "a b");
  const b = knows("b", "a b c", "a b");
  const c = knows("c", "a b c", "a b");
  expect(decideOnShards([a, b])).toMatchObject({ kind: "agreed", ids: ["a", "b"] });
  expect(decideOnShards([a, b, c])).toMatchObject({ kind: "agreed", ids: ["a", "b", "c"] });
  expect(decideOnShards([a])).toMatchObject({ kind: "mismatch", agreed: 3 });
  // The removed one was not told of it.
  const removed = knows("c", "a b c");
  expect(decideOnShards([knows("a", "a b", "a b c"), knows("b", "a b", "a b c"), removed])).toMatchObject({
    kind: "agreed",
    ids: ["a", "b", "c"],
  });
  for (const readings of [
    [knows("a", "a b"), knows("b", "a b"), removed],
    [removed, knows("a", "a b"), knows("b", "a b")],
  ]) {
    expect(decideOnShards(readings)).toEqual({
      kind: "mismatch",
      agreed: 2,
      stranger: readings.indexOf(removed),
    });
  }
});
