import { GenericContainer, Wait } from "testcontainers";
import { describe, expect, onTestFinished, test } from "vitest";

import { REDIS_IMAGE } from "../support/container-run.ts";
import { docker } from "../support/docker.ts";
import { freePort } from "../support/redis-server.ts";
import { uniqueQueue } from "../support/unique.ts";
import { containerRun, Fleet, NO_ENGINE } from "../support/worker-container.ts";

describe.skipIf(NO_ENGINE)("a Redis container with a volume", () => {
  test("that is killed and started again in the middle of a map costs time, and no result", async () => {
    const { network, labels } = containerRun();
    const volume = uniqueQueue("poolmq-test-redis");
    const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    await docker("volume", "create", ...label.flatMap((each) => ["--label", each]), volume);
    const port = await freePort();
    const alias = uniqueQueue("redis");
    const start = async () =>
      await new GenericContainer(REDIS_IMAGE)
        .withCommand(["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--appendonly", "yes"])
        .withNetworkMode(network)
        .withNetworkAliases(alias)
        .withLabels(labels)
        .withBindMounts([{ source: volume, target: "/data" }])
        .withExposedPorts({ container: 6379, host: port })
        .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
        .start();
    const first = await start();
    const fleet = new Fleet({ inside: `redis://${alias}:6379`, outside: `redis://127.0.0.1:${port}` });
    const pool = fleet.pool();
    const worker = await fleet.worker();
    const map = pool.map(
      "step",
      Array.from({ length: 80 }, () => 30),
    );
    await fleet.startedOn(worker, 10);
    // Another container on the same data, as an upgrade of Redis would be.
    await docker("kill", first.getId());
    await docker("rm", first.getId());
    const second = await start();
    onTestFinished(() => second.stop({ timeout: 0 }).then(() => undefined));
    const results = await map;
    expect(results.map(([index]) => index)).toEqual(Array.from({ length: 80 }, (_, index) => index));
    // What was waiting was there again: only what ran, or had just been acknowledged, may have run twice.
    expect(fleet.marks.lines.length).toBeLessThan(80 + 60);
  });
});
