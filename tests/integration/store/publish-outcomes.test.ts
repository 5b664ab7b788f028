/** What becomes of the outcomes of a script that Redis refuses in its middle. */

import { GatherScripts, queueKeys } from "@poolmq/shared/redis";
import { expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { uniqueQueue } from "../../support/unique.ts";

const redis = redisForFile();

test("an outcome that was written keeps its bit if Redis refuses the rest: its job does not run again", async () => {
  const { admin } = redis();
  const keys = queueKeys(uniqueQueue("publish"));
  const scripts = new GatherScripts(admin, keys);
  await scripts.open("m", 60_000);
  // Where the arguments' bytes should be. What this key had is removed once an outcome is written.
  await admin.set(keys.in("m"), "something else");
  const outcomes = [0, 1].map((at) => ({ at, ms: 1, text: "=@0+1" as const, bytes: Buffer.from("x") }));
  const refused: unknown = await rejection(scripts.publish("m", outcomes, 60_000));
  expect(String(refused)).toContain("WRONGTYPE");
  const written = async (): Promise<unknown[]> =>
    (await admin.xrange(keys.out("m"), "-", "+")).map(([, fields]) => fields[1]);
  expect(await written()).toEqual(["0"]);
  expect([await admin.getbit(keys.done("m"), 0), await admin.getbit(keys.done("m"), 1)]).toEqual([1, 0]);
  await admin.del(keys.in("m"));
  expect(await scripts.publish("m", outcomes, 60_000)).toBe(true);
  expect(await written()).toEqual(["0", "1"]);
});
