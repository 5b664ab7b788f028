import { expect, test } from "vitest";

import { UnwantedMaps } from "../../../packages/worker/src/job/unwanted-maps.ts";

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

test("a map of which nothing was heard is wanted, and Redis is not asked", async () => {
  const redis = new Store();
  expect(await redis.unwanted.has("m")).toBe(false);
  expect(redis.asked).toBe(0);
});

test("a map that was noted stays unwanted until its producer opens it again", async () => {
  const redis = new Store();
  redis.unwanted.add("m");
  expect(await redis.unwanted.has("m")).toBe(true);
  redis.wanted.add("m");
  expect(await redis.unwanted.has("m")).toBe(false);
  redis.wanted.delete("m");
  expect(await redis.unwanted.has("m"), "it was forgotten").toBe(false);
});

test("a cancel that was missed counts once, and not for a map that was begun again", async () => {
  const redis = new Store("again");
  expect(await redis.unwanted.learn("again")).toBe(false);
  expect(await redis.unwanted.learn("m")).toBe(true);
  expect(await redis.unwanted.learn("m")).toBe(false);
});
