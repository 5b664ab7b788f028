import { InvalidOptionError } from "@poolmq/shared";
import { resolveShards } from "@poolmq/shared/internal";
import { describe, expect, test } from "vitest";

type Given = Parameters<typeof resolveShards>;

function addresses(...[option, shards, env = {}]: Given): string[] | undefined {
  return resolveShards(option, shards, env)?.map(({ address }) => address);
}

describe("where the shards of a queue are", () => {
  test("one Redis is one shard, as a list of one is", () => {
    expect(addresses("redis://a", undefined)).toEqual(["redis://a:6379"]);
    expect(addresses(["redis://a"], undefined)).toEqual(["redis://a:6379"]);
    expect(addresses("redis://a", 1)).toEqual(["redis://a:6379"]);
    expect(addresses(undefined, undefined)).toBeUndefined();
  });

  test("several servers are one shard each, in the order of the list", () => {
    const options = { host: "c", port: 7, password: "secret" };
    expect(addresses(["redis://b", new URL("redis://:pw@a:1"), options], undefined)).toEqual([
      "redis://b:6379",
      "redis://a:1",
      "redis://c:7",
    ]);
  });

  test("a variable of the environment may hold several URLs", () => {
    const env = { REDIS_URL: "redis://a , rediss://:p,w@b:1,unix:///tmp/c,d.sock" };
    expect(addresses(undefined, undefined, env)).toEqual([
      "redis://a:6379",
      "rediss://b:1",
      "unix:///tmp/c,d.sock",
    ]);
    const first = { POOLMQ_REDIS_URL: "redis://c,redis://d", ...env };
    expect(addresses(undefined, undefined, first)).toEqual(["redis://c:6379", "redis://d:6379"]);
    expect(addresses("redis://e", undefined, first)).toEqual(["redis://e:6379"]);
  });

  test("of a Cluster, each shard is reached by the same connection", () => {
    const cluster = { cluster: ["redis://a:1", "redis://b:1"] };
    expect(addresses(cluster, 3)).toEqual(Array.from({ length: 3 }, () => "cluster a:1, b:1"));
    expect(addresses(cluster, undefined)).toHaveLength(1);
  });

  test.for<[string, unknown, unknown]>([
    ["a list of 1 to 64 Redis servers, got []", [], undefined],
    [
      "a list of 1 to 64 Redis servers, got 65",
      Array.from({ length: 65 }, (_, i) => `redis://h${i}`),
      undefined,
    ],
    [
      "each server of `connection` once, got redis://a:6379 twice",
      ["redis://a", "redis://b", "redis://:pw@a:6379"],
      undefined,
    ],
    ["`shards` to be absent where `connection` lists the servers, got 2", ["redis://a", "redis://b"], 2],
    ["`connection[1]` to be one server, got a Cluster", ["redis://a", { cluster: ["redis://b"] }], undefined],
    ["`connection[1]` to be a URL such as", ["redis://a", "b:6379"], undefined],
    ["`connection[1]` to be a URL or ioredis options, got undefined", ["redis://a", undefined], undefined],
    ["a Redis Cluster for `shards: 2`, got redis://a:6379", "redis://a", 2],
    ["`shards` to be an integer from 1 to 64, got 65", { cluster: ["redis://a"] }, 65],
    ["`shards` to be an integer from 1 to 64, got 0", "redis://a", 0],
    ["`shards` to be an integer from 1 to 64, got '2'", { cluster: ["redis://a"] }, "2"],
  ])("expects %s", ([message, option, shards]) => {
    const resolve = (): unknown => resolveShards(option as Given[0], shards as Given[1], {});
    expect(resolve).toThrow(InvalidOptionError);
    expect(resolve).toThrow(message);
  });

  test("a password is shown in no error", () => {
    expect(() => resolveShards(["redis://:secret@a", "redis://:secret@a"], undefined, {})).toThrow(
      /^(?!.*secret)/,
    );
  });
});
