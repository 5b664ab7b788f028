import { Patience } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

test("a quiet map is looked after when it was quiet for so long, and then less and less often", () => {
  const patience = new Patience(2_000, 0);
  const looked: number[] = [];
  for (let now = 0; now < 60_000; now += 500) {
    if (!patience.isQuiet(now)) continue;
    looked.push(now);
    patience.looks(now, 1);
  }
  expect(looked).toEqual([2_000, 6_000, 14_000, 29_000, 44_000, 59_000]);
});

test("whatever comes in makes the map one that is not quiet", () => {
  const patience = new Patience(2_000, 0);
  patience.looks(2_000, 1);
  patience.heard(5_000);
  expect(patience.isQuiet(6_900)).toBe(false);
  expect(patience.isQuiet(7_000)).toBe(true);
});

test("a map that is never quiet is looked after all the same", () => {
  const patience = new Patience(2_000, 0);
  for (let now = 0; now < 5_000; now += 100) {
    patience.heard(now);
    expect(patience.isBusyForLong(now)).toBe(false);
  }
  expect(patience.isBusyForLong(5_000)).toBe(true);
});

test("the more jobs are under way, the less often all of them are looked for", () => {
  const patience = new Patience(2_000, 0);
  patience.looks(0, 1_000_000);
  expect(patience.isBusyForLong(49_999)).toBe(false);
  expect(patience.isBusyForLong(50_000)).toBe(true);
});

test("a job is looked for once it is under way for a while, or nobody knows since when", () => {
  const patience = new Patience(2_000, 0);
  expect([0, 1_000, 3_000, undefined].map((sentAt) => patience.isOld(sentAt, 3_000))).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

test("the longer the lists, the less often they are read for jobs in limbo", () => {
  const patience = new Patience(2_000, 0);
  expect([7_999, 8_000].map((now) => patience.isLimboDue(now))).toEqual([false, true]);
  patience.lookedForLimbo(8_000, 8_000, 100_000);
  expect([27_999, 28_000].map((now) => patience.isLimboDue(now))).toEqual([false, true]);
});

test("a Redis that takes long to answer is asked less often, in all for a twentieth of the time", () => {
  const patience = new Patience(2_000, 0);
  patience.looks(5_000, 20_000);
  patience.looked(6_000);
  expect([25_999, 26_000].map((now) => patience.isBusyForLong(now))).toEqual([false, true]);
  patience.lookedForLimbo(5_000, 6_000, 0);
  expect([25_999, 26_000].map((now) => patience.isLimboDue(now))).toEqual([false, true]);
  // It was away: what it lost is looked for soon.
  patience.looks(30_000, 20_000);
  patience.looked(90_000);
  expect([119_999, 120_000].map((now) => patience.isBusyForLong(now))).toEqual([false, true]);
  // A failed look says nothing of the next one.
  patience.looks(120_000, 20_000);
  patience.looked();
  expect([124_999, 125_000].map((now) => patience.isBusyForLong(now))).toEqual([false, true]);
});
