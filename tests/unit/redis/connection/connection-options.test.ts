import { inspect } from "node:util";

import type { ConnectionOption } from "@poolmq/shared";
import { redactUrl, resolveConnection } from "@poolmq/shared/internal";
import type { ResolvedConnection } from "@poolmq/shared/internal";
import { describe, expect, test } from "vitest";

function targetOf(option: ConnectionOption): ReturnType<ResolvedConnection["target"]> | undefined {
  return resolveConnection(option, {})?.target();
}

function optionsOf(option: ConnectionOption): unknown {
  return targetOf(option)?.options;
}

describe("where Redis is", () => {
  test("comes from the option, else POOLMQ_REDIS_URL, else REDIS_URL, else nowhere", () => {
    const env = { POOLMQ_REDIS_URL: "redis://second", REDIS_URL: "redis://third" };
    expect(resolveConnection("redis://first", env)).toMatchObject({
      address: "redis://first:6379",
      source: "connection",
    });
    expect(resolveConnection(undefined, env)).toMatchObject({
      address: "redis://second:6379",
      source: "POOLMQ_REDIS_URL",
    });
    expect(resolveConnection(undefined, { ...env, POOLMQ_REDIS_URL: "" })).toMatchObject({
      source: "REDIS_URL",
    });
    expect(resolveConnection(undefined, { REDIS_URL: " " })).toBeUndefined();
    expect(resolveConnection(undefined, {})).toBeUndefined();
  });

  test.for<[string, object]>([
    ["redis://localhost", { host: "localhost", port: 6379 }],
    ["redis://cache:6380/2", { host: "cache", port: 6380, db: 2 }],
    ["redis://[::1]:6380", { host: "::1", port: 6380 }],
    ["redis://cache?db=3&family=6", { host: "cache", port: 6379, db: 3, family: 6 }],
    ["redis://:p%40ss%2Fw@cache", { host: "cache", port: 6379, password: "p@ss/w" }],
    [
      "rediss://app:secret@cache:6380",
      { host: "cache", port: 6380, username: "app", password: "secret", tls: {} },
    ],
    ["REDIS://cache", { host: "cache", port: 6379 }],
    ["unix:///run/redis.sock", { path: "/run/redis.sock" }],
    ["unix:///tmp/a%20b/redis.sock?db=4", { path: "/tmp/a b/redis.sock", db: 4 }],
    ["unix://app:s%40crt@/run/redis.sock", { path: "/run/redis.sock", username: "app", password: "s@crt" }],
  ])("reads %s", ([url, options]) => {
    expect(optionsOf(url)).toEqual(options);
    expect(optionsOf(new URL(url.replace("unix://app:s%40crt@/", "unix:///")))).toBeDefined();
  });

  test("is named without user name and password", () => {
    expect(resolveConnection("rediss://app:secret@cache/1")?.address).toBe("rediss://cache:6379/1");
    expect(resolveConnection({ path: "/run/redis.sock", password: "secret" })?.address).toBe(
      "unix:///run/redis.sock",
    );
    const sentinel = {
      sentinels: [{ host: "s1" }, { host: "s2", port: 1 }],
      name: "main",
      password: "secret",
    };
    expect(resolveConnection(sentinel)).toMatchObject({
      kind: "sentinel",
      address: "main (Sentinel s1:26379, s2:1)",
    });
    const cluster = { cluster: ["redis://app:secret@a:1", { host: "::1" }] };
    expect(resolveConnection(cluster)).toMatchObject({ kind: "cluster", address: "cluster a:1, [::1]:6379" });
  });

  test("does not show the password when it is printed or serialised", () => {
    const resolved = resolveConnection("redis://app:canary@cache");
    expect(inspect(resolved, { depth: 9, showHidden: true }) + JSON.stringify(resolved)).not.toContain(
      "canary",
    );
  });

  test("of a Cluster carries login and TLS of its first node to nodes that are found later", () => {
    expect(targetOf({ cluster: ["rediss://app:secret@a:1", "rediss://b:1"] })).toMatchObject({
      nodes: [{ host: "a" }, { host: "b" }],
      options: { redisOptions: { username: "app", password: "secret", tls: {} } },
    });
    const options = { redisOptions: { password: "other" } };
    expect(targetOf({ cluster: ["redis://:secret@a:1"], options })).toMatchObject({
      options: { redisOptions: { password: "other" } },
    });
  });
});

describe("a wrong address is refused at once", () => {
  test.for<[unknown, RegExp]>([
    ["", /got ""/],
    ["localhost:6379", /got "localhost:6379" \(did you mean redis:\/\/localhost:6379\?\)/],
    ["http://cache:6379", /got "http:\/\/cache:6379"/],
    ["redis:cache", /got a text of 11 characters without redis:\/\//],
    ["redis://cache:port", /percent-encode/],
    ["redis://cache/first", /database after the host is a number/],
    ["redis://cache?ssl_cert_reqs=none", /`ssl_cert_reqs` is no parameter/],
    ["unix://run/redis.sock", /three slashes/],
    [null, /got null/],
    [6379, /got 6379/],
    [["redis://cache"], /got an array/],
    [{ url: "redis://cache" }, /got \{ url \}: pass the URL itself/],
    [{ duplicate: () => undefined }, /got an ioredis instance: pass its options/],
    [{ keyPrefix: "app:" }, /`connection.keyPrefix` to be absent/],
    [{ cluster: [] }, /`connection.cluster` to be a list of nodes/],
    [{ cluster: ["cache:6379"] }, /`connection.cluster` to be a URL/],
    [{ sentinels: [{ host: "a" }] }, /`connection.name` to be the name/],
  ])("%j", ([option, message]) => {
    const wrong = () => resolveConnection(option as ConnectionOption, {});
    expect(wrong).toThrow(message);
    expect(wrong).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
  });

  test("names the environment variable that it came from", () => {
    expect(() => resolveConnection(undefined, { REDIS_URL: "cache" })).toThrow(
      /Expected `REDIS_URL` to be a URL/,
    );
  });

  test.for([
    "canary",
    "redis://app:can@ary/canary#canary@cache:x",
    "http://canary:canary@cache",
    "redis://canary@cache/x",
    "redis://app:%canary@cache",
    "redis://cache/x?password=canary",
    "://canary:6379/",
  ])("and the message does not show the password: %s", (url) => {
    expect(() => resolveConnection(url)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("canary") }),
    );
  });
});

test("redactUrl leaves what is no secret", () => {
  expect(redactUrl("rediss://app:secret@cache.example.com:6380/1?db=1")).toBe(
    "rediss://***@cache.example.com:6380/1?db=***",
  );
  expect(redactUrl("redis://cache:6379")).toBe("redis://cache:6379");
});
