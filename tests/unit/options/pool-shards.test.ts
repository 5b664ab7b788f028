import { InvalidOptionError } from "@poolmq/producer";
import { expect, test } from "vitest";

import { resolvePoolOptions } from "../../../packages/producer/src/options/pool-options.ts";
import type { PoolOptions } from "../../../packages/producer/src/options/pool-options.ts";

const SERVERS = ["redis://a", "redis://b"];

test("a pool may be spread over several servers, also by the environment", () => {
  const addresses = (options: PoolOptions, env = {}): unknown => {
    const { connection } = resolvePoolOptions(options, env);
    return typeof connection === "string" ? connection : connection.map(({ address }) => address);
  };
  expect(addresses({ connection: SERVERS })).toEqual(["redis://a:6379", "redis://b:6379"]);
  expect(addresses({}, { REDIS_URL: "redis://a,redis://b" })).toEqual(["redis://a:6379", "redis://b:6379"]);
  expect(addresses({ connection: { cluster: ["redis://a"] }, shards: 2 })).toHaveLength(2);
});

test.for<[PoolOptions, string]>([
  [
    { connection: "memory", shards: 2 },
    'Expected a Redis Cluster as `connection` for `shards: 2`, got "memory"',
  ],
  [
    { connection: "embedded", shards: 2 },
    'Expected a Redis Cluster as `connection` for `shards: 2`, got "embedded"',
  ],
  [{ connection: [] }, "Expected `connection` to be a list of 1 to 64 Redis servers, got []"],
])("%j is refused", ([options, message]) => {
  const resolve = (): unknown => resolvePoolOptions(options, {});
  expect(resolve).toThrow(InvalidOptionError);
  expect(resolve).toThrow(message);
});
