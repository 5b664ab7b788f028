/**
 * What all container tests of a run share: the image, built from this checkout, a network, and a Redis on it. All of it,
 * and everything that the tests leave, is removed when the run ends.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";

import { GenericContainer, Wait } from "testcontainers";
import type { TestProject } from "vitest/node";

import { docker, missingEngine } from "./docker.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCKERFILE = "docker/worker.Dockerfile";
export const REDIS_IMAGE = "redis:7-bookworm";

/** Everything that a run makes carries this label, with `<host>/<pid of the run>` as its value. */
const LABEL = "poolmq.test.run";

/** What the tests need to know of the run. */
export interface ContainerRun {
  /** Name of the worker's image. */
  readonly image: string;
  /** Name of the image with the example of docker/compose.yaml. */
  readonly exampleImage: string;
  readonly network: string;
  /** Labels for everything that a test makes. */
  readonly labels: Readonly<Record<string, string>>;
  /** The shared Redis, as this process reaches it. Containers on the network reach it as `redis://redis:6379`. */
  readonly redisUrl: string;
  /** How long the image took to build, in ms. */
  readonly buildMs: number;
}

/** Why there are no containers. The tests that need none still run, so this must not end the run. */
export interface NoContainers {
  readonly reason: string;
  /** Whether it is no failure that no engine answers. */
  readonly skip: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    containers: ContainerRun | NoContainers;
  }
}

let remove: (() => Promise<void>) | undefined;

/** Called by Vitest before the first test file. */
export async function setup(project: TestProject): Promise<void> {
  const missing = await missingEngine();
  if (missing !== undefined) {
    const reason = `no container engine answers (${missing})`;
    const skip = process.env["CI"] !== "true";
    console.warn(
      `\n\n  NO CONTAINER TESTS: ${reason}\n  ` +
        (skip
          ? "Start Docker, and run: npm test -- --project containers\n"
          : "With CI=true that is a failure.\n"),
    );
    project.provide("containers", { reason, skip });
    return;
  }
  // Testcontainers' own reaper would be one more image to pull; its work is done below.
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  await removeLeftovers();
  const run = `${hostname()}/${process.pid}`;
  const labels = { [LABEL]: run };
  const image = `poolmq-worker-test:${process.pid}`;
  const exampleImage = `${image}-example`;
  const network = `poolmq-test-${process.pid}`;
  remove = async () => {
    await removeRun(run);
    await docker("image", "rm", "--force", image, exampleImage, `${image}-build`).catch(() => {});
  };
  try {
    await docker("network", "create", "--label", `${LABEL}=${run}`, network);
    const [buildMs, redis] = await Promise.all([
      build(image, exampleImage),
      new GenericContainer(REDIS_IMAGE)
        .withCommand(["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""])
        .withNetworkMode(network)
        .withNetworkAliases("redis")
        .withLabels(labels)
        .withExposedPorts(6379)
        .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
        .start(),
    ]);
    const redisUrl = `redis://${redis.getHost()}:${redis.getMappedPort(6379)}`;
    project.provide("containers", { image, exampleImage, network, labels, redisUrl, buildMs });
  } catch (error) {
    await teardown();
    project.provide("containers", { reason: String(error), skip: false });
  }
}

/** Called by Vitest after the last test file, whatever came of the tests. */
export async function teardown(): Promise<void> {
  await remove?.();
  remove = undefined;
}

/** Builds the images as a user does. Each stage gets a name, because an older engine would otherwise leave it behind. */
async function build(image: string, exampleImage: string): Promise<number> {
  const started = performance.now();
  const args = ["build", "--force-rm", "--file", DOCKERFILE];
  await step("docker", [...args, "--target", "build", "--tag", `${image}-build`, "."]);
  await step("docker", [...args, "--target", "example", "--tag", exampleImage, "."]);
  await step("docker", [...args, "--tag", image, "."]);
  return performance.now() - started;
}

/** Runs a program whose output matters only if it fails. */
async function step(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-10_000)));
  }
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output}`);
}

/** Removes what earlier runs left that were killed. */
async function removeLeftovers(): Promise<void> {
  const format = ["--format", `{{.Label "${LABEL}"}}`, "--filter", `label=${LABEL}`];
  const lists = await Promise.all([docker("ps", "--all", ...format), docker("network", "ls", ...format)]);
  for (const run of new Set(lists.join("\n").split("\n"))) {
    const [host, pid] = run.split("/");
    if (host === hostname() && !isRunning(Number(pid))) await removeRun(run);
  }
}

async function removeRun(run: string): Promise<void> {
  const filter = ["--quiet", "--filter", `label=${LABEL}=${run}`];
  const remove = async (list: readonly string[], command: readonly string[]): Promise<void> => {
    const ids = (await docker(...list, ...filter)).split("\n").filter((id) => id !== "");
    if (ids.length > 0) await docker(...command, ...ids);
  };
  await remove(["ps", "--all"], ["rm", "--force", "--volumes"]);
  await remove(["network", "ls"], ["network", "rm"]);
  await remove(["volume", "ls"], ["volume", "rm", "--force"]);
  await remove(["images"], ["image", "rm", "--force"]);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
