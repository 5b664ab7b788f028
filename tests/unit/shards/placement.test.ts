import { expect, test } from "vitest";

import { dealOut, homeOf } from "../../../packages/producer/src/shards/placement.ts";

const IDS = ["3f", "a0", "b7", "c2"];

test("everybody finds the same home for a name, whatever the order of the ids", () => {
  for (let i = 0; i < 50; i++) {
    const home = homeOf(`map-${i}`, IDS);
    expect(IDS).toContain(home);
    expect(homeOf(`map-${i}`, IDS.toReversed())).toBe(home);
  }
  expect(homeOf("map-1", [])).toBeUndefined();
});

test("homes are spread evenly, and only names of an id that comes or goes move", () => {
  const names = Array.from({ length: 4_000 }, (_, i) => `map-${i}`);
  const counts = Map.groupBy(names, (name) => homeOf(name, IDS));
  for (const id of IDS) expect(counts.get(id)?.length).toBeGreaterThan(850);
  const fewer = IDS.slice(0, 3);
  for (const name of names) {
    const home = homeOf(name, IDS);
    if (home !== IDS[3]) expect(homeOf(name, fewer)).toBe(home);
  }
});

test("a chunk goes where the fewest are under way", () => {
  expect(dealOut(4, [0, 0], 0)).toEqual([0, 1, 0, 1]);
  expect(dealOut(4, [0, 0], 1)).toEqual([1, 0, 1, 0]);
  expect(dealOut(5, [10, 7, 10], 0)).toEqual([1, 1, 1, 0, 1]);
  expect(dealOut(3, [5], 7)).toEqual([0, 0, 0]);
  expect(dealOut(0, [1, 2], 0)).toEqual([]);
});
