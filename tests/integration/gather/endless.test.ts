/** Maps of so many items that Redis could not keep a bit for each. */

import { DURABLE_TTL_MS, GatherScripts, MAP_TTL_MS } from "@poolmq/shared/redis";
import { expect, test } from "vitest";

import { outcomesIn } from "../../support/outcomes-in.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";

const redis = redisForFile();

test("the outcome of an item beyond 2^32 is published once, found, and forgotten", async () => {
  const { keys } = new Stage(redis());
  const { admin } = redis();
  const scripts = new GatherScripts(admin, keys);
  const far = 2 ** 40 + 5;
  const outcome = (at: number): { at: number; ms: number; text: string } => ({ at, ms: 0, text: "=1" });
  await scripts.open("m", MAP_TTL_MS);
  expect(await scripts.publish("m", [outcome(3), outcome(far), outcome(far + 2 ** 20)], MAP_TTL_MS)).toBe(
    true,
  );
  expect(await scripts.publish("m", [outcome(far), outcome(3)], MAP_TTL_MS)).toBe(true);
  expect(outcomesIn(await admin.xrange(keys.out("m"), "-", "+"))).toHaveLength(3);
  const all = [3, 4, far, far + 1, far + 2 ** 20];
  expect(await scripts.reconcile("m", all)).toMatchObject({
    decided: [3, far, far + 2 ** 20],
    missing: [4, far + 1],
  });
  await scripts.forget("m", [3, far, far + 1]);
  expect(await Promise.all(all.map((at) => scripts.isDone("m", at)))).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
  expect(await admin.strlen(keys.done("m"))).toBe(1);
  expect(await admin.pttl(keys.donePage("m", 2 ** 20))).toBeGreaterThan(0);
});

test("a durable map has all of its bits in one place", async () => {
  const { keys } = new Stage(redis());
  const { admin } = redis();
  const scripts = new GatherScripts(admin, keys);
  await scripts.open("m", DURABLE_TTL_MS);
  await scripts.publish("m", [{ at: 2 ** 21, ms: 0, text: "=1" }], DURABLE_TTL_MS);
  expect(await admin.getbit(keys.done("m"), 2 ** 21)).toBe(1);
  expect(await scripts.isDone("m", 2 ** 21)).toBe(true);
});
