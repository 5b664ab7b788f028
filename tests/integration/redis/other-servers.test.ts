/**
 * A core of what poolmq asks of a server, on each other server of this machine: those that `POOLMQ_OTHER_SERVERS` names,
 * paths with a `:` between them, else a `valkey-server` on PATH. All tests run on one of them with `POOLMQ_REDIS_SERVER`.
 */

import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";

import { startEmbeddedRedis } from "@poolmq/producer/internal";
import { QueueWatcher } from "@poolmq/worker/internal";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import { freePort, RedisServer } from "../../support/redis-server.ts";
import { rejection, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

function onPath(name: string): string[] {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return [path];
    } catch {
      // the next one
    }
  }
  return [];
}

const NAMED = process.env["POOLMQ_OTHER_SERVERS"];
const SERVERS = NAMED === undefined ? onPath("valkey-server") : NAMED.split(delimiter).filter(Boolean);

function versionOf(server: string): string {
  return /v=([\d.]+)/.exec(spawnSync(server, ["--version"], { encoding: "utf8" }).stdout)?.[1] ?? "unknown";
}

async function start(server: string, settings: Record<string, string> = {}): Promise<RedisServer> {
  const redis = await RedisServer.start({
    server,
    settings,
    listen: "cluster-enabled" in settings ? "tcp" : "unix",
  });
  onTestFinished(() => redis.stop());
  return redis;
}

const CASES: readonly (readonly [name: string, server: string])[] =
  SERVERS.length === 0
    ? [["no other server on this machine: POOLMQ_OTHER_SERVERS names some", ""]]
    : SERVERS.map((server) => [`${basename(server)} ${versionOf(server)}`, server]);

describe.each(CASES)("%s", (_name, server) => {
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  const expected = numbers.map((x) => x + 1);

  test.skipIf(server === "")("runs maps of every kind, and forgets its scripts meanwhile", async () => {
    const redis = await start(server);
    const stage = new Stage(redis);
    await stage.machine({ processes: 2 });
    const pool = stage.pool();
    for (const options of [{}, { chunksize: 7 }, { priority: 3 }, { mapId: "d" }, { attempts: 3 }]) {
      await redis.admin.script("FLUSH");
      expect(await pool.map("increment", numbers, options), JSON.stringify(options)).toEqual(expected);
    }
    const bytes = Buffer.alloc(200_000, 7);
    expect(await pool.apply("echo", [bytes])).toEqual(bytes);
    const shared = await pool.share({ large: "x".repeat(100_000) });
    expect(await pool.apply("echo", [shared])).toEqual({ large: "x".repeat(100_000) });
    expect(await rejection(pool.map("fail", [1], { attempts: 2, backoff: 20 }))).toMatchObject({
      name: "PaymentError",
    });
  });

  test.skipIf(server === "")("keeps a durable map for who attaches to it", async () => {
    const stage = new Stage(await start(server));
    const first = stage.pool().map("increment", numbers, { mapId: "m" });
    void first.wait();
    const other = stage.pool();
    await until(async () => (await other.stats()).waiting > 0, { what: "its jobs" });
    const attached = other.attach("m");
    await stage.machine();
    expect(await attached).toEqual(expected);
    expect(await first).toEqual(expected);
  });

  test.skipIf(server === "")("tells who watches what it is", async () => {
    const redis = await start(server);
    const stage = new Stage(redis);
    const view = await new QueueWatcher(redis.admin, { queue: stage.queue }).read();
    expect(basename(server)).toMatch(new RegExp(`^${view.redis.product}`));
    expect(view.redis.version).toBe(versionOf(server));
  });

  test.skipIf(server === "")(
    "is refused as a node of a Cluster that is addressed as a single server",
    async () => {
      const redis = await start(server, {
        "cluster-enabled": "yes",
        "cluster-announce-ip": "127.0.0.1",
        "cluster-port": String(await freePort()),
      });
      await redis.admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
      await until(
        async () => String(await redis.admin.call("CLUSTER", "INFO")).includes("cluster_state:ok"),
        {
          what: "the cluster",
        },
      );
      const stage = new Stage({ url: redis.url });
      expect(await rejection(stage.pool().map("increment", [1]))).toMatchObject({
        code: "REDIS_CONNECTION",
        reason: "cluster",
      });
      await stage.machine({ connection: { cluster: [redis.url] } });
      expect(await stage.pool({ connection: { cluster: [redis.url] } }).map("increment", [1])).toEqual([2]);
    },
  );

  test.skipIf(server === "")("is embedded in a folder of any name", async () => {
    const base = mkdtempSync(join(tmpdir(), "poolmq-test-"));
    onTestFinished(() => rmSync(base, { recursive: true, force: true }));
    const odd = join(base, "a b'c\"d");
    mkdirSync(odd);
    vi.stubEnv("POOLMQ_REDIS_SERVER", server);
    vi.stubEnv("TMPDIR", odd);
    onTestFinished(() => void vi.unstubAllEnvs());
    await using embedded = await startEmbeddedRedis();
    expect(decodeURIComponent(embedded.url)).toContain(odd);
  });
});
