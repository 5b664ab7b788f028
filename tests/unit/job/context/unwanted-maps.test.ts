import { beforeEach, expect, onTestFinished, test, vi } from "vitest";

import { UnwantedMaps } from "../../../../packages/worker/src/job/context/unwanted-maps.ts";

/** A job that was enqueued now, or long ago. */
const FRESH = () => ({ timestamp: Date.now(), stalledCounter: 0 });
const OLD = { timestamp: Date.now() - 60_000, stalledCounter: 0 };

/** What Redis says of maps, and how often it was asked. */
class Store {
  readonly wanted: Set<string>;
  asked = 0;
  readonly unwanted: UnwantedMaps = new UnwantedMaps(async (mapId) => {
    this.asked++;
    return await Promise.resolve(this.wanted.has(mapId));
  });

  constructor(...wanted: string[]) {
    this.wanted = new Set(wanted);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "Date"] });
  onTestFinished(() => void vi.useRealTimers());
});

test("a map whose job was there before the machine listened is asked about", async () => {
  const before = { timestamp: Date.now() - 1, stalledCounter: 0 };
  const redis = new Store();
  expect(await redis.unwanted.has("m", before)).toBe(true);
  const { unwanted } = new Store("m");
  expect(await unwanted.has("m", before)).toBe(false);
});

test.each([
  ["that waited", OLD],
  ["that a machine vanished with", { ...FRESH(), stalledCounter: 1 }],
])("Redis is asked about the map of a job %s, once a second at most", async (_, job) => {
  const redis = new Store("m");
  vi.advanceTimersByTime(10_000);
  expect(await redis.unwanted.has("m", job)).toBe(false);
  redis.wanted.delete("m");
  expect(await redis.unwanted.has("m", job)).toBe(false);
  expect(redis.asked).toBe(1);
  vi.advanceTimersByTime(1_001);
  expect(await redis.unwanted.has("m", job)).toBe(true);
  expect(redis.asked).toBe(2);
});

test("the map of a fresh job is wanted if nothing was heard of it, and Redis is not asked", async () => {
  const redis = new Store();
  vi.advanceTimersByTime(10_000);
  expect(await redis.unwanted.has("m", FRESH())).toBe(false);
  expect(redis.asked).toBe(0);
});

test("a map that was noted stays unwanted until its producer opens it again", async () => {
  const redis = new Store();
  vi.advanceTimersByTime(10_000);
  redis.unwanted.add("m");
  expect(await redis.unwanted.has("m", FRESH())).toBe(true);
  redis.wanted.add("m");
  expect(await redis.unwanted.has("m", FRESH())).toBe(false);
  redis.wanted.delete("m");
  expect(await redis.unwanted.has("m", FRESH()), "it was forgotten").toBe(false);
});

test("a cancel that was missed counts once, and not for a map that was begun again", async () => {
  const redis = new Store("again");
  expect(await redis.unwanted.learn("again")).toBe(false);
  expect(await redis.unwanted.learn("m")).toBe(true);
  expect(await redis.unwanted.learn("m")).toBe(false);
});

test.each([
  ["nothing was heard of", false],
  ["was known as unwanted, and opened again", true],
])("a cancel that is heard while Redis is asked counts, of a map that %s", async (_, isKnown) => {
  const asked = Promise.withResolvers<boolean>();
  const unwanted = new UnwantedMaps(async () => await asked.promise);
  if (isKnown) unwanted.add("m");
  const has = unwanted.has("m", OLD);
  unwanted.add("m");
  // What Redis said before the cancel.
  asked.resolve(true);
  expect(await has).toBe(true);
  expect(unwanted.knows("m")).toBe(true);
});
