/** How outcomes enter the stream of their map, and what becomes of those of a script that Redis refuses in its middle. */

import type { FailedJob } from "@poolmq/shared/internal";
import { GatherScripts, queueKeys } from "@poolmq/shared/redis";
import type { Outcome, QueueKeys } from "@poolmq/shared/redis";
import type { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";

import { RedisServer, redisForFile } from "../../support/redis-server.ts";
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

describe("outcomes with bytes, whose entries are plain commands of a transaction,", () => {
  const of = (at: number, text = "x"): Outcome => {
    return { at, ms: 1, text: "=@0+1", bytes: Buffer.from(text), by: "m" };
  };

  async function opened(connection: Redis = redis().admin): Promise<{
    readonly scripts: GatherScripts;
    readonly keys: QueueKeys;
    readonly written: () => Promise<unknown[]>;
  }> {
    const keys = queueKeys(uniqueQueue("publish"));
    const scripts = new GatherScripts(connection, keys);
    await scripts.open("m", 60_000);
    const written = async (): Promise<unknown[]> =>
      (await connection.xrange(keys.out("m"), "-", "+")).map(([, fields]) => fields.join(" "));
    return { scripts, keys, written };
  }

  test("enter the stream once, whichever of them come again, and those of their arguments go", async () => {
    const { scripts, keys, written } = await opened();
    await scripts.putBytes("m", [{ at: 1, bytes: Buffer.from("arguments") }], 60_000);
    expect(await scripts.publish("m", [of(1), of(2)], 60_000)).toBe(true);
    expect(await scripts.publish("m", [of(0), of(1, "again"), of(3), of(2, "again")], 60_000)).toBe(true);
    expect(await scripts.publish("m", [of(3, "again")], 60_000)).toBe(true);
    expect(await written()).toEqual([1, 2, 0, 3].map((at) => `i ${at} ran 1 m o =@0+1 b x`));
    expect(await redis().admin.hkeys(keys.in("m"))).toEqual([""]);
    expect(await redis().admin.pttl(keys.out("m"))).toBeGreaterThan(0);
  });

  test("leave nothing of a map that nobody wants, and what was in its stream", async () => {
    const { scripts, keys, written } = await opened();
    await scripts.publish("m", [of(0)], 60_000);
    await redis().admin.del(keys.done("m"));
    expect(await scripts.publish("m", [of(0), of(1)], 60_000)).toBe(false);
    expect(await written()).toHaveLength(1);
    expect(await scripts.publish("gone", [of(0)], 60_000)).toBe(false);
    expect(await redis().admin.keys(`${keys.out("gone")}*`)).toEqual([]);
  });

  test("are published with one that is a text, and with one whose job is kept", async () => {
    const { scripts, keys, written } = await opened();
    const failed = { task: "t", data: { map: "m", at: 2, n: 1 } } as unknown as FailedJob;
    const text: Outcome = { at: 1, ms: 1, text: "=1", by: "m" };
    expect(await scripts.publish("m", [of(0), text, { ...of(2), failed }], 60_000)).toBe(true);
    const bytes = (at: number): string => `i ${at} ran 1 m o =@0+1 b x`;
    expect(new Set(await written())).toEqual(new Set([bytes(0), "i 1 ran 1 m o =1", bytes(2)]));
    expect(await redis().admin.hkeys(keys.failed("m"))).toEqual(["2"]);
  });

  test("are refused, and have no bit, while their stream or their bitmap is something else", async () => {
    const { scripts, keys, written } = await opened();
    const { admin } = redis();
    await admin.set(keys.out("m"), "something else");
    expect(String(await rejection(scripts.publish("m", [of(0)], 60_000)))).toContain("WRONGTYPE");
    expect([await admin.getbit(keys.done("m"), 0), await admin.get(keys.out("m"))]).toEqual([
      0,
      "something else",
    ]);
    await admin.del(keys.out("m"), keys.done("m"));
    await admin.lpush(keys.done("m"), "something else");
    expect(String(await rejection(scripts.publish("m", [of(0)], 60_000)))).toContain("WRONGTYPE");
    expect(await written()).toEqual([]);
  });

  test.for([["multi"], ["exec"], ["multi", "exec"]])(
    "go through a script for a login that may not use %j",
    async (forbidden) => {
      const { admin } = redis();
      const name = uniqueQueue("old-login");
      const rules = forbidden.map((command) => `-${command}`);
      await admin.call("ACL", "SETUSER", name, "on", ">secret", "~*", "+@all", ...rules);
      const connection = admin.duplicate({ username: name, password: "secret" });
      onTestFinished(() => connection.disconnect());
      await publishedOnce(connection);
    },
  );

  test("go through a script on a server that has no transactions", async () => {
    await using server = await RedisServer.start({ settings: { "rename-command": ["MULTI", ""] } });
    await publishedOnce(server.admin);
  });

  test("go through a script once the login has lost the right", async () => {
    const { admin } = redis();
    const name = uniqueQueue("login");
    await admin.call("ACL", "SETUSER", name, "on", ">secret", "~*", "+@all");
    const connection = admin.duplicate({ username: name, password: "secret" });
    onTestFinished(() => connection.disconnect());
    const { scripts, written } = await opened(connection);
    expect(await scripts.publish("m", [of(0)], 60_000)).toBe(true);
    await admin.call("ACL", "SETUSER", name, "-multi");
    expect(await scripts.publish("m", [of(1)], 60_000)).toBe(true);
    expect(await written()).toEqual([0, 1].map((at) => `i ${at} ran 1 m o =@0+1 b x`));
  });

  async function publishedOnce(connection: Redis): Promise<void> {
    const { scripts, keys, written } = await opened(connection);
    const text: Outcome = { at: 0, ms: 1, text: "=1", by: "m" };
    expect(await scripts.publish("m", [text], 60_000)).toBe(true);
    expect(await scripts.publish("m", [of(0, "again"), of(1)], 60_000)).toBe(true);
    expect(await scripts.publish("m", [of(1, "again"), of(2)], 60_000)).toBe(true);
    const bytes = [1, 2].map((at) => `i ${at} ran 1 m o =@0+1 b x`);
    expect(await written()).toEqual(["i 0 ran 1 m o =1", ...bytes]);
    // All entries that were ever added are there. None was added outside of a transaction and taken out again: a producer
    // could have read it meanwhile.
    expect(await connection.xinfo("STREAM", keys.out("m"))).toEqual(
      expect.arrayContaining(["entries-added", 3]),
    );
  }
});
