/** Names that would break keys, patterns, lines or Redis's own words are refused, and nothing is enqueued. */

import { Pool } from "@poolmq/producer";
import { queueKeys } from "@poolmq/shared/redis";
import { runWorker } from "@poolmq/worker";
import { describe, expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, TASKS } from "../../support/stage.ts";

const redis = redisForFile();

const HOSTILE = [
  "",
  " ",
  "a b",
  "a:b",
  "{a}",
  "a}b{c",
  "*",
  "a?",
  "[a-z]",
  "a\nb",
  "a\r\nFLUSHALL\r\n",
  "a\tb",
  "a\0b",
  "../../etc",
  "a/b",
  "a'b",
  'a"b',
  "a\\b",
  "$(id)",
  "é",
  "\u202Eabc",
  "💥",
  "x".repeat(1_000),
] as const;

test.for(HOSTILE)("%j is no queue and no prefix", async (name) => {
  for (const option of [{ queue: name }, { prefix: name }]) {
    expect(() => new Pool({ connection: redis().url, ...option })).toThrow(/Expected `(queue|prefix)` to be/);
    expect(await rejection(runWorker({ module: TASKS, connection: redis().url, ...option }))).toMatchObject({
      code: "INVALID_OPTION",
    });
  }
});

test("every name that is taken gives keys of its own, which its pattern names and no other's does", () => {
  const names = ["a", "b", "a.b", "a-b", "A", "a_b", "constructor", "__proto__", "wait", "x".repeat(100)];
  const keys = names.map((name) => queueKeys(name));
  const all = keys.flatMap((key) => [key.workers, key.control, key.job("1"), key.done("m"), key.share("s")]);
  expect(new Set(all).size).toBe(all.length);
  for (const { pattern } of keys) {
    expect(all.filter((key) => key.startsWith(pattern.slice(0, -1)))).toHaveLength(5);
  }
});

describe("in a call", () => {
  test.for(HOSTILE)("%j is no mapId", async (mapId) => {
    const stage = new Stage(redis());
    const pool = stage.pool();
    expect(await rejection(pool.map("increment", [1], { mapId }))).toMatchObject({ code: "INVALID_OPTION" });
    expect(await rejection(pool.attach(mapId))).toMatchObject({ code: "INVALID_OPTION" });
    expect(await redis().admin.keys(stage.keys.pattern)).toEqual([]);
  });

  test("functions of such names are not registered, whether the producer finds out or the worker", async () => {
    const stage = new Stage(redis());
    const pool = stage.pool<Record<string, (x: number) => number>>();
    const names = HOSTILE.filter((name) => name !== "");
    // Enqueued, while nobody is there to know better.
    const early = names.map((name) => rejection(pool.map(name, [1])));
    await stage.machine();
    for (const error of await Promise.all(early))
      expect(error).toMatchObject({ code: "TASK_NOT_REGISTERED" });
    for (const name of names) {
      expect(await rejection(pool.map(name, [1]))).toMatchObject({ code: "TASK_NOT_REGISTERED" });
    }
    expect(await pool.map("increment", [1])).toEqual([2]);
  });
});
