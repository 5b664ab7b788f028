import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, onTestFinished, test } from "vitest";

import { docker } from "../support/docker.ts";
import { temporaryFolder } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { containerRun, Fleet, NO_ENGINE } from "../support/worker-container.ts";

const run = promisify(execFile);

/** What node:24-bookworm-slim has already is everybody's; this much may be ours. */
const MAX_OWN_MB = 30;
const BASE = "node:24-bookworm-slim";

function mb(bytes: number): number {
  return Math.round(bytes / 100_000) / 10;
}

async function imageBytes(image: string): Promise<number> {
  return Number(await docker("image", "inspect", "--format", "{{.Size}}", image));
}

describe.skipIf(NO_ENGINE)("the worker's image", () => {
  test("runs a mounted tasks module; its size and its start are as documented", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const started = performance.now();
    const worker = await fleet.worker();
    await pool.ready(1);
    const readyMs = performance.now() - started;
    expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
    const [bytes, base] = await Promise.all([imageBytes(fleet.run.image), imageBytes(BASE)]);
    console.log(
      `image: ${mb(bytes)} MB, of which ${mb(bytes - base)} MB are poolmq; ` +
        `built in ${(fleet.run.buildMs / 1_000).toFixed(1)} s; ` +
        `from docker run to ready: ${Math.round(readyMs)} ms (log line after ${Math.round(worker.startedMs)} ms)`,
    );
    expect(mb(bytes - base)).toBeLessThan(MAX_OWN_MB);
  });

  test("holds what runs, and neither sources nor what only development needs", async () => {
    const { image } = containerRun();
    const files = await docker("run", "--rm", "--entrypoint", "find", image, "/srv", "-type", "f");
    const names = files.split("\n");
    expect(names).toContain("/srv/node_modules/@poolmq/worker/dist/cli.js");
    expect(names.filter((name) => /\.tsx?$|\.map$|\.tsbuildinfo$|\/@poolmq\/\w+\/src\//.test(name))).toEqual(
      [],
    );
    expect(names.filter((name) => /node_modules\/(typescript|vitest|@types|oxlint)\//.test(name))).toEqual(
      [],
    );
  });

  test("is what a user's image starts from, with the module's own dependencies", async () => {
    const fleet = new Fleet();
    const folder = temporaryFolder();
    mkdirSync(join(folder, "node_modules/seven"), { recursive: true });
    writeFileSync(join(folder, "node_modules/seven/package.json"), '{ "name": "seven", "main": "index.js" }');
    writeFileSync(join(folder, "node_modules/seven/index.js"), "module.exports = 7;");
    writeFileSync(
      join(folder, "tasks.ts"),
      `import seven from "seven";
       import { defineTask } from "@poolmq/worker";
       export const increment = defineTask((x: number): number => x + seven, { attempts: 2 });`,
    );
    writeFileSync(
      join(folder, "Dockerfile"),
      `FROM ${fleet.run.image}\nCOPY node_modules node_modules\nCOPY tasks.ts ./\n`,
    );
    const image = `${fleet.run.image}-user`;
    const labels = Object.entries(fleet.run.labels).flatMap(([name, value]) => [
      "--label",
      `${name}=${value}`,
    ]);
    await run("docker", ["build", "--force-rm", "--tag", image, ...labels, folder]);
    onTestFinished(() => docker("image", "rm", "--force", image).then(() => undefined));
    await fleet.worker({ image, mounted: false });
    expect(await fleet.pool().map("increment", [1, 2])).toEqual([8, 9]);
  });

  test("its tasks run without root, without capabilities, and on a file system that nobody can write to", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const worker = await fleet.worker();
    const status = await pool.apply("status", []);
    expect(status).toMatchObject({
      Uid: "1000\t1000\t1000\t1000",
      Gid: "1000\t1000\t1000\t1000",
      CapPrm: "0000000000000000",
      CapEff: "0000000000000000",
      CapBnd: "0000000000000000",
      NoNewPrivs: "1",
    });
    const paths = ["/srv/app/x", "/srv/node_modules/x", "/tmp/x", "/home/node/x", "/usr/local/bin/x"];
    expect(await pool.map("write", paths)).toEqual(paths.map(() => "EROFS"));
    const host = JSON.parse(await docker("inspect", "--format", "{{json .HostConfig}}", worker.id)) as object;
    expect(host).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], Privileged: false });
  });

  test("writes nothing, even where it could", async () => {
    const fleet = new Fleet();
    const worker = await fleet.worker({ readOnly: false });
    await fleet.pool().map("increment", [1, 2, 3]);
    // What the engine made to mount the test's files is not ours.
    const changes = (await docker("diff", worker.id)).split("\n");
    expect(
      changes.filter((line) => !/^[AC] (\/marks|\/srv|\/srv\/app|\/srv\/app\/tasks\.ts)?$/.test(line)),
    ).toEqual([]);
  });

  test("is healthy by its own health check once it takes work", async () => {
    const fleet = new Fleet();
    const worker = await fleet.worker();
    expect(await worker.exec("poolmq", "healthcheck")).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('"status":"ready"'),
    });
    const { Test: check } = JSON.parse(
      await docker("inspect", "--format", "{{json .Config.Healthcheck}}", worker.id),
    ) as { Test: string[] };
    expect(check).toEqual(["CMD", "poolmq", "healthcheck"]);
    const idle = await worker.exec("poolmq", "scale-signal", "--json");
    expect(JSON.parse(idle.output)).toMatchObject({ backlog: 0, machines: 1, workers: 1 });
  });

  test("has what every command needs, and what serves is healthy by its own health check", async () => {
    const { image, network, labels } = containerRun();
    const flags = [
      ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
      "--network",
      network,
      "--read-only",
      "--cap-drop=ALL",
      "--env=POOLMQ_REDIS_URL=redis://redis:6379",
      "--env=POOLMQ_QUEUE=every-command",
    ];
    const help = await docker("run", "--rm", ...flags, image, "--help");
    const [, list = ""] = help.split("Commands:\n");
    const commands = [...(list.split("\n\n")[0]?.matchAll(/^  ([a-z-]+)/gm) ?? [])].map(
      ([, name = ""]) => name,
    );
    expect(commands).toEqual(expect.arrayContaining(["worker", "dashboard", "scale-signal", "status"]));
    const each = commands.map((name) => `poolmq ${name} --help >/dev/null`).join(" && ");
    await docker("run", "--rm", ...flags, "--entrypoint", "sh", image, "-c", each);
    // Each does what it is for, or says in a sentence what it has not found: nothing of it is missing in the image.
    const runs: Readonly<Record<string, number>> = {
      status: 0,
      maps: 0,
      workers: 0,
      queues: 0,
      doctor: 0,
      logs: 0,
      pause: 0,
      resume: 0,
      "purge --dry-run": 0,
      "shards --redis redis://redis:6379": 0,
      "scale-signal": 0,
      acl: 0,
      "errors nothing": 3,
      "cancel nothing": 3,
      "priority nothing 1": 3,
      "retry nothing": 3,
      "drain nothing": 3,
      "resize nothing 2": 3,
      "kill-item nothing 0": 3,
      "stack nothing 1": 3,
      "replay nothing 0 --tasks nowhere.ts": 3,
    };
    const expected = Object.entries(runs).map(([run, code]) => `${run}: ${code}`);
    const script = Object.keys(runs)
      .map((run) => `poolmq ${run}; echo "${run}: $?"`)
      .join("\n");
    const output = await docker("run", "--rm", ...flags, "--entrypoint", "sh", image, "-c", script);
    expect(output.split("\n").filter((line) => /^[a-z].*: \d+$/.test(line))).toEqual(expected);
    const ran = new Set(Object.keys(runs).map((run) => run.split(" ")[0]));
    const others = commands.filter((name) => !ran.has(name));
    // The first of these is what most tests here run, `top` is for a terminal, and the next ones are run below.
    expect(others).toEqual(["worker", "dashboard", "top", "healthcheck", "help"]);
    for (const command of [
      ["dashboard", "--host", "0.0.0.0"],
      ["scale-signal", "--port", "9091", "--host", "0.0.0.0"],
    ]) {
      const token = ["-e", "POOLMQ_DASHBOARD_TOKEN=0123456789abcdef"];
      const id = await docker("run", "-d", "--health-interval", "1s", ...flags, ...token, image, ...command);
      onTestFinished(() => docker("rm", "--force", id).then(() => undefined));
      await until(
        async () => (await docker("inspect", "--format", "{{.State.Health.Status}}", id)) === "healthy",
        {
          what: `${command[0]} to be healthy`,
          timeoutMs: 30_000,
        },
      );
    }
  });

  test("its first process reaps what tasks leave behind, and passes signals on", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const worker = await fleet.worker();
    const orphan = await pool.apply("orphan", []);
    await until(
      async () => !(await pool.apply("processes", [])).some((line) => line.startsWith(`${orphan} `)),
      {
        what: "the orphan to be gone, and not only dead",
      },
    );
    expect((await pool.apply("processes", []))[0]).toContain("(tini)");
    await worker.stop();
    expect((await worker.state()).ExitCode).toBe(0);
    expect(worker.output).toMatch(/stopping: finishing what runs/);
  });
});
