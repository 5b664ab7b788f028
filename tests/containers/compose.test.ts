import { describe, expect, onTestFinished, test } from "vitest";

import { Compose } from "../support/compose.ts";
import { docker } from "../support/docker.ts";
import { containerRun, NO_ENGINE } from "../support/worker-container.ts";

describe.skipIf(NO_ENGINE)("docker/compose.yaml", () => {
  test("up --scale worker=4 runs the example on four workers, with a Redis that keeps its data", async () => {
    const compose = await Compose.project(`poolmq-test-${process.pid}`, {
      POOLMQ_IMAGE: containerRun().image,
      REDIS_PASSWORD: "secret0123",
      PRIMES_BELOW: "2000000",
      WORKER_CPUS: "0.5",
      MIN_WORKERS: "4",
    });
    onTestFinished(() =>
      compose.run("down", "--volumes", "--remove-orphans", "--timeout", "5").then(() => undefined),
    );
    await compose.run("up", "--detach", "--no-build", "--scale", "worker=4");
    const [producer = ""] = (await compose.run("ps", "--quiet", "producer")).trim().split("\n");
    expect(await docker("wait", producer)).toBe("0");
    const output = await docker("logs", producer);
    expect(output).toMatch(/^148933 primes below 2000000/);
    expect(output.match(/ did \d+ of 200 parts/g)).toHaveLength(4);

    const [redis = ""] = (await compose.run("ps", "--quiet", "redis")).trim().split("\n");
    const config = await docker("exec", redis, "redis-cli", "CONFIG", "GET", "*");
    expect(config).toMatch(/^appendonly\nyes$/m);
    expect(config).toMatch(/^maxmemory-policy\nnoeviction$/m);
    expect(await docker("exec", "--env", "REDISCLI_AUTH=", redis, "redis-cli", "PING")).toContain("NOAUTH");
  });
});
