import { resolveConnection } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

import { RedisServer } from "../../support/redis-server.ts";
import { serverThatSays } from "../../support/server-that-says.ts";

async function open(url: string): Promise<Redis | Cluster> {
  const resolved = resolveConnection(url, {});
  if (!resolved) throw new Error("No URL");
  const connection = await connect(resolved, { role: "commands" });
  onTestFinished(() => destroyConnection(connection));
  return connection;
}

async function check(url: string): Promise<unknown> {
  const connection = await open(url);
  return checkServer(connection, "redis://cache:6379");
}

test("a real server that never evicts is taken", async () => {
  await using server = await RedisServer.start();
  expect(await check(server.url)).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+/) });
});

test.for([
  ["redis_version:5.0.14\r\n", "is version 5.0.14"],
  ["redis_version:6.0.16\r\n", "is version 6.0.16"],
  ["proxy:yes\r\n", "does not say its version"],
])("an old or unknown server is refused: %j", async ([info, message]) => {
  await expect(check(await serverThatSays(info ?? ""))).rejects.toMatchObject({
    code: "REDIS_UNSUPPORTED",
    message: expect.stringMatching(
      new RegExp(`redis://cache:6379 ${message}\\. Expected Redis 6\\.2 or newer, or Valkey`),
    ),
  });
});

test.for([
  ["redis_version:6.2.0\r\nmaxmemory_policy:noeviction\r\n", { product: "redis", version: "6.2.0" }],
  ["redis_version:8.4.0\r\n", { product: "redis", version: "8.4.0" }],
  [
    "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.0.0\r\n",
    { product: "valkey", version: "9.0.0" },
  ],
] as const)("a new enough server is taken: %j", async ([info, expected]) => {
  expect(await check(await serverThatSays(info))).toMatchObject(expected);
});

test.each([
  ["a node of a Redis Cluster", "redis_mode:cluster", "cluster", /\{ cluster: \[nodes\] \}/],
  ["a node of a Valkey Cluster", "server_mode:cluster", "cluster", /\{ cluster: \[nodes\] \}/],
  ["a replica", "role:slave", "replica", /primary/],
])("%s is refused to who connects to it as a single server", async (_what, line, reason, message) => {
  const info = `redis_version:7.2.4\r\n${line}\r\nmaxmemory_policy:noeviction\r\n`;
  await expect(check(await serverThatSays(info))).rejects.toMatchObject({
    code: "REDIS_CONNECTION",
    reason,
    message: expect.stringMatching(message),
  });
});

test("a server that may evict is refused, with the command that changes it", async () => {
  await using server = await RedisServer.start({ settings: { "maxmemory-policy": "allkeys-lru" } });
  await expect(check(server.url)).rejects.toMatchObject({
    code: "REDIS_EVICTION",
    policy: "allkeys-lru",
    message: expect.stringContaining("CONFIG SET maxmemory-policy noeviction"),
  });
});

test("asks once, and needs no more than INFO", async () => {
  await using server = await RedisServer.start();
  await server.admin.call("ACL", "SETUSER", "app", "on", "nopass", "+info", "+select");
  const connection = await open(`unix://app:x@${server.socket}`);
  const before = /cmdstat_info:calls=(\d+)/;
  const calls = async () => Number(before.exec(await server.admin.info("commandstats"))?.[1]);
  const count = await calls();
  await checkServer(connection, "here");
  expect((await calls()) - count).toBe(2); // the check, and the first look at the statistics
});

test("a server that is promoted a moment later is taken", async () => {
  await using server = await RedisServer.start();
  // Nothing listens there: a replica without its primary keeps its data.
  await server.admin.replicaof("127.0.0.1", 1);
  const checked = check(server.url);
  await server.admin.replicaof("NO", "ONE");
  expect(await checked).toMatchObject({ product: expect.stringMatching(/^(redis|valkey)$/) as string });
});
