/** A primary that is killed under Sentinel, which promotes its replica. Row 18. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { doubled, expectWhole, FaultStage, figure, RunLog, Watched } from "../support/fault-stage.ts";
import { RedisServer } from "../support/redis-server.ts";
import type { RedisServerOptions } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

async function startServer(options: RedisServerOptions): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A primary, its replica, and a Sentinel that decides alone. */
async function startSentinel(): Promise<{
  primary: RedisServer;
  replica: RedisServer;
  sentinel: RedisServer;
}> {
  const [primary, replica] = await Promise.all([1, 2].map(() => startServer({ listen: "tcp" })));
  if (primary === undefined || replica === undefined) throw new Error("unreachable");
  await replica.admin.replicaof("127.0.0.1", primary.port);
  await until(async () => (await replica.admin.info("replication")).includes("master_link_status:up"), {
    what: "the replica to follow",
  });
  const file = join(primary.folder, "sentinel.conf");
  writeFileSync(
    file,
    [
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
      "sentinel down-after-milliseconds main 500",
      "sentinel failover-timeout main 3000",
      "",
    ].join("\n"),
  );
  const sentinel = await startServer({ listen: "tcp", sentinelFile: file });
  await until(
    async () => ((await sentinel.admin.call("SENTINEL", "REPLICAS", "main")) as unknown[]).length === 1,
    { what: "Sentinel to know of the replica", timeoutMs: 15_000 },
  );
  return { primary, replica, sentinel };
}

test(
  "a primary that is killed in the middle of a map: Sentinel promotes its replica, and nothing is lost",
  { timeout: 60_000 },
  async () => {
    const { primary, replica, sentinel } = await startSentinel();
    const connection = { sentinels: [{ host: "127.0.0.1", port: sentinel.port }], name: "main" };
    const stage = new FaultStage({ url: "" });
    const log = new RunLog();
    await stage.machineProcess({ connection, concurrency: 4 });
    const pool = stage.pool<typeof tasks>({ connection, window: 500 });
    const map = new Watched<number>((options) => pool.map("work", log.items(1_500, { ms: 2 }), options));
    await map.done(300);
    await primary.kill();
    const since = performance.now();
    const { done } = map.result.progress;
    await until(() => map.result.progress.done > done + 20, { what: "the map to go on", timeoutMs: 30_000 });
    figure(18, "goes on after a primary under Sentinel was killed", (performance.now() - since) / 1_000, "s");
    await expectWhole(map, doubled(1_500));
    figure(18, "items run again after that, of 1,500", log.reruns, "");
    expect(await replica.admin.info("replication")).toContain("role:master");
  },
);
