import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";

import type { ConnectionOption } from "@poolmq/shared";
import { resolveConnection } from "@poolmq/shared/internal";
import { checkServer, connect, destroyConnection } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { freePort, redisForFile, RedisServer, type RedisServerOptions } from "../../support/redis-server.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const SECRET = "canary-p@ss/w#rd";
const redis = redisForFile();

type ConnectOptions = Partial<Parameters<typeof connect>[1]>;

async function startServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function startProxy(target: RedisServer): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}

async function open(option: ConnectionOption, options: ConnectOptions = {}): Promise<Redis | Cluster> {
  const resolved = resolveConnection(option, {});
  if (!resolved) throw new Error("No connection option");
  const connection = await connect(resolved, { role: "commands", ...options });
  onTestFinished(() => destroyConnection(connection));
  return connection;
}

/** Gives the error of a connection that fails, after checking that nothing in it shows the password. */
async function failure(option: ConnectionOption, options: ConnectOptions = {}): Promise<unknown> {
  const error: unknown = await open(option, options).then(
    () => new Error("connected"),
    (reason: unknown) => reason,
  );
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  return error;
}

describe("connect", () => {
  test("connects through a unix socket, by URL, with a database number", async () => {
    const connection = await open(`${redis().url}?db=3`, { name: "my producer" });
    expect(await connection.ping()).toBe("PONG");
    expect(await connection.call("CLIENT", "INFO")).toMatch(/name=poolmq:my-producer:commands .*db=3/s);
  });

  test("connects by URL object and by ioredis options", async () => {
    const server = await startServer({ listen: "tcp" });
    expect(await (await open(new URL(server.url))).ping()).toBe("PONG");
    expect(await (await open({ host: "127.0.0.1", port: server.port })).ping()).toBe("PONG");
  });

  test("says at once that a password is needed, or wrong, and never which", async () => {
    const server = await startServer({ listen: "tcp", settings: { requirepass: SECRET } });
    const started = performance.now();
    expect(await failure(`redis://127.0.0.1:${server.port}`)).toMatchObject({
      code: "REDIS_CONNECTION",
      reason: "auth",
      message: expect.stringMatching(/needs a password.*redis:\/\/:password@host/s),
    });
    expect(await failure(`redis://app:canary-wrong@127.0.0.1:${server.port}`)).toMatchObject({
      reason: "auth",
      message: expect.stringMatching(/refuses this user name and password/),
    });
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await (await open(server.url)).ping()).toBe("PONG");
  });

  test("names the command that an ACL user lacks", async () => {
    const server = await startServer();
    await server.admin.call("ACL", "SETUSER", "app", "on", `>${SECRET}`, "~*", "+@all", "-info");
    // ioredis prints a warning of its own.
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const connection = await open(`unix://app:${encodeURIComponent(SECRET)}@${server.socket}`);
    await expect(checkServer(connection, "here")).rejects.toMatchObject({
      reason: "permission",
      message: expect.stringContaining("info"),
    });
  });

  test("says at once that the database number does not exist", async () => {
    expect(await failure(`${redis().url}?db=99`)).toMatchObject({ reason: "database" });
  });

  test("gives up on a port where nobody listens when its time is over", async () => {
    const port = await freePort();
    const started = performance.now();
    expect(
      await failure(`redis://app:${encodeURIComponent(SECRET)}@127.0.0.1:${port}/2`, {
        connectTimeoutMs: 300,
      }),
    ).toMatchObject({
      reason: "unreachable",
      address: `redis://127.0.0.1:${port}/2`,
      message: expect.stringMatching(/within 300 ms: connect ECONNREFUSED .*docker run .*REDIS_URL/s),
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("waits for a Redis that starts late", async () => {
    const server = await startServer({ listen: "tcp" });
    await server.kill();
    const connecting = open(server.url);
    await server.restart();
    expect(await (await connecting).ping()).toBe("PONG");
  });

  test("waits for a Redis that loads its data, and says so if it takes too long", async () => {
    const server = await startServer();
    await server.admin.call("DEBUG", "POPULATE", "400");
    await server.admin.call("SAVE");
    // 400 keys at 5 ms each.
    const slow = { "key-load-delay": 5_000, "loading-process-events-interval-bytes": 1_024 };
    await server.restart(slow, { until: "started" });
    expect(await failure(server.url, { connectTimeoutMs: 300 })).toMatchObject({ reason: "not-ready" });
    expect(await (await open(server.url)).call("DBSIZE")).toBe(400);
  });

  test("tells a server that is not Redis", async () => {
    const web = createServer((socket) =>
      socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    onTestFinished(() => void web.close());
    expect(await failure(`redis://127.0.0.1:${(web.address() as AddressInfo).port}`)).toMatchObject({
      reason: "protocol",
    });
  });

  test("tells that a server does not answer a TLS handshake", async () => {
    const server = await startServer({ listen: "tcp" });
    expect(await failure(`rediss://127.0.0.1:${server.port}`, { connectTimeoutMs: 300 })).toMatchObject({
      reason: "tls",
      message: expect.stringContaining("use redis://"),
    });
  });

  test("stops when its signal fires", async () => {
    const port = await freePort();
    const controller = new AbortController();
    const failed = failure(`redis://127.0.0.1:${port}`, { signal: controller.signal });
    controller.abort();
    expect(await failed).toMatchObject({ reason: "aborted" });
    expect(await failure(`redis://127.0.0.1:${port}`, { signal: controller.signal })).toMatchObject({
      name: "AbortError",
    });
  });
});

describe("a connection", () => {
  test("goes on after Redis was restarted, with commands that were waiting", async () => {
    const server = await startServer({ settings: { appendonly: "yes", appendfsync: "always" } });
    const connection = await open(server.url);
    await connection.set("key", "value");
    await server.kill();
    const waiting = connection.get("key");
    await server.restart();
    expect(await waiting).toBe("value");
  });

  test.for([
    "-LOADING Redis is loading the dataset in memory",
    "-READONLY You can't write against a read only replica.",
  ])("sends a command again that was answered with %s", async (answer) => {
    const proxy = await startProxy(redis());
    const connection = await open(proxy.url);
    const hit = proxy.meddle(([name]) => name === "incr", { answer });
    expect(await connection.incr(`counter ${answer}`)).toBe(1);
    await hit;
  });

  test("sends a command again whose reply was lost", async () => {
    const proxy = await startProxy(redis());
    const connection = await open(proxy.url);
    const hit = proxy.meddle(([name]) => name === "set", { loseReply: true });
    expect(await connection.set("lost reply", "1")).toBe("OK");
    await hit;
  });

  test("passes other errors on, without the arguments of the command", async () => {
    const server = await startServer({ listen: "tcp", settings: { requirepass: SECRET } });
    const connection = await open(server.url);
    const refused: unknown = await connection.call("LPUSH", SECRET).catch((error: unknown) => error);
    expect(inspect(refused)).toContain("wrong number of arguments");
    expect(inspect(refused)).not.toContain("canary");
    // The password changes under us: each attempt to reconnect fails from now on.
    const failed = once(connection, "error");
    await server.admin.call("CONFIG", "SET", "requirepass", "another");
    await server.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const [error] = (await failed) as [unknown];
    expect(inspect(error, { depth: 9, showHidden: true })).toContain("WRONGPASS");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  });

  test("keeps what it was made with when BullMQ duplicates it", async () => {
    const proxy = await startProxy(redis());
    const connection = await open(proxy.url);
    const copy = (connection as Redis).duplicate();
    onTestFinished(() => destroyConnection(copy));
    expect(copy.options).toMatchObject({
      maxRetriesPerRequest: null,
      socketTimeout: 15_000,
      keepAlive: 5_000,
    });
    const hit = proxy.meddle(([name]) => name === "incr", {
      answer: "-READONLY You can't write against a read only replica.",
    });
    expect(await copy.incr("counter of the copy")).toBe(1);
    await hit;
    expect(copy.listenerCount("error")).toBeGreaterThan(0);
  });

  test("notices a link that went dead", async () => {
    const proxy = await startProxy(redis());
    const connection = await open({ host: "127.0.0.1", port: proxy.port, socketTimeout: 300 });
    proxy.drop();
    const waiting = connection.set("half-open", "1");
    await new Promise((resolve) => connection.once("close", resolve));
    proxy.restore();
    expect(await waiting).toBe("OK");
  });
});
