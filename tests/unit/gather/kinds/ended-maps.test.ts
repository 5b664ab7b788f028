import { EndedMaps } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

test("maps that end in the same moment are removed together, and later ones after them", async () => {
  const removed: (readonly string[])[] = [];
  const ended = new EndedMaps(async (ids) => void removed.push(ids));
  await Promise.all([ended.remove("a"), ended.remove("b")]);
  await ended.remove("c");
  expect(removed).toEqual([["a", "b"], ["c"]]);
});

test("what waits is removed at once when a pool closes", async () => {
  const removed: (readonly string[])[] = [];
  const ended = new EndedMaps(async (ids) => void removed.push(ids));
  const done = ended.remove("a");
  ended.flush();
  expect(removed).toEqual([["a"]]);
  await done;
});

test("a thousand maps that end at once are removed in pieces", () => {
  const removed: number[] = [];
  const ended = new EndedMaps(async (ids) => void removed.push(ids.length));
  for (let i = 0; i < 1_000; i++) void ended.remove(String(i));
  expect(removed).toEqual(Array.from({ length: 10 }, () => 100));
});

test("a refusal is told to all who wait", async () => {
  const ended = new EndedMaps(() => Promise.reject(new Error("READONLY")));
  const removals = [ended.remove("a"), ended.remove("b")];
  for (const removal of removals) await expect(removal).rejects.toThrow("READONLY");
});
