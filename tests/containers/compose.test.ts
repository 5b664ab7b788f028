import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { Compose } from "../support/compose.ts";
import { docker } from "../support/docker.ts";
import { temporaryFolder } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { containerRun, NO_ENGINE } from "../support/worker-container.ts";

describe.skipIf(NO_ENGINE)("docker/compose.yaml", () => {
  test("up --scale worker=4 runs the example on four workers, with a Redis that keeps its data", async () => {
    const compose = await Compose.project(`poolmq-test-${process.pid}`, "compose.yaml", {
      POOLMQ_EXAMPLE_IMAGE: containerRun().exampleImage,
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

describe.skipIf(NO_ENGINE)("docker/fleet.yaml", () => {
  test("runs the tasks that are in a user's image, and shows them on the dashboard", async () => {
    const run = containerRun();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "tasks.ts"), "export const ofTheUser = (x: number): number => x;");
    writeFileSync(join(folder, "Dockerfile"), `FROM ${run.image}\nCOPY tasks.ts ./\n`);
    const image = `${run.image}-fleet`;
    await docker("build", "--force-rm", "--tag", image, folder);
    onTestFinished(() => docker("image", "rm", "--force", image).then(() => undefined));
    const compose = await Compose.project(`poolmq-test-fleet-${process.pid}`, "fleet.yaml", {
      POOLMQ_IMAGE: image,
      REDIS_PASSWORD: "secret0123",
      POOLMQ_DASHBOARD_TOKEN: "0123456789abcdef",
      POOLMQ_DASHBOARD_PORT: "0",
    });
    onTestFinished(() =>
      compose.run("down", "--volumes", "--remove-orphans", "--timeout", "5").then(() => undefined),
    );
    await compose.run("up", "--detach", "--no-build");
    const [worker = ""] = (await compose.run("ps", "--quiet", "worker")).trim().split("\n");
    const [dashboard = ""] = (await compose.run("ps", "--quiet", "dashboard")).trim().split("\n");
    await until(async () => (await docker("logs", worker)).includes('"tasks":["ofTheUser"]'), {
      what: "the worker to be ready with the user's task",
      timeoutMs: 30_000,
    });
    expect(await docker("inspect", "--format", "{{.Mounts}}", worker)).toBe("[]");
    await until(
      async () => (await docker("inspect", "--format", "{{.State.Health.Status}}", dashboard)) === "healthy",
      { what: "the dashboard to be healthy", timeoutMs: 60_000 },
    );
    const [, port = ""] = /127\.0\.0\.1:(\d+)/.exec(await docker("port", dashboard, "4040")) ?? [];
    const page = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { authorization: "Bearer 0123456789abcdef" },
    });
    expect(page.status).toBe(200);
  });
});
