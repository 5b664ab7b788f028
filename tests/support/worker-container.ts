import { chmodSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { Pool } from "@poolmq/producer";
import type { PoolOptions } from "@poolmq/producer";
import { GenericContainer, Wait } from "testcontainers";
import type { StartedTestContainer } from "testcontainers";
import { inject, onTestFinished } from "vitest";

import type * as tasks from "../fixtures/container-tasks.ts";
import type { ContainerRun } from "./container-run.ts";
import { docker } from "./docker.ts";
import { Marks } from "./stage.ts";
import { uniqueQueue } from "./unique.ts";
import { until } from "./until.ts";

export type ContainerTasks = typeof tasks;

const TASKS = fileURLToPath(new URL("../fixtures/container-tasks.ts", import.meta.url));

const provided = inject("containers");

/** True where no engine answers, and that is no failure. For `describe.skipIf`. */
export const NO_ENGINE: boolean = "skip" in provided && provided.skip;

/** What the run has set up. Fails where it could not. */
export function containerRun(): ContainerRun {
  if ("skip" in provided) throw new Error(`No container tests: ${provided.reason}`);
  return provided;
}

export interface WorkerContainerOptions {
  /** Processors, as `--cpus`. */
  readonly cpus?: number;
  readonly memoryMib?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Mounts the tasks module. @defaultValue true */
  readonly mounted?: boolean;
  /** @defaultValue the image of the run */
  readonly image?: string;
  /** @defaultValue true */
  readonly readOnly?: boolean;
  /** URL of Redis, as the container reaches it. @defaultValue the run's Redis */
  readonly redisUrl?: string;
}

/** As docker/compose.yaml and docker/kubernetes start it: with nothing that it does not need. */
class HardenedContainer extends GenericContainer {
  /** Gives the file system that the image has; nothing can be written to it. */
  withReadOnlyRoot(): this {
    this.hostConfig.ReadonlyRootfs = true;
    return this;
  }

  /** No swap: with some, a container over its limit is slow before it is killed. */
  withMemory(bytes: number): this {
    this.hostConfig.Memory = bytes;
    this.hostConfig.MemorySwap = bytes;
    return this;
  }
}

/** A worker machine in a container. */
export class WorkerContainer {
  readonly id: string;
  /** Its host name, as its tasks see it. */
  readonly host: string;
  readonly startedMs: number;
  readonly #container: StartedTestContainer;
  readonly #log: () => string;

  constructor(container: StartedTestContainer, startedMs: number, log: () => string) {
    this.id = container.getId();
    this.host = this.id.slice(0, 12);
    this.startedMs = startedMs;
    this.#container = container;
    this.#log = log;
  }

  /** What it has written so far. */
  get output(): string {
    return this.#log();
  }

  /** What the engine knows of it. */
  async state(): Promise<{ Status: string; ExitCode: number; OOMKilled: boolean; StartedAt: string }> {
    return JSON.parse(await docker("inspect", "--format", "{{json .State}}", this.id)) as {
      Status: string;
      ExitCode: number;
      OOMKilled: boolean;
      StartedAt: string;
    };
  }

  /** Runs a program in it, and gives what it printed and its exit code. */
  async exec(...command: string[]): Promise<{ output: string; exitCode: number }> {
    return await this.#container.exec(command);
  }

  /** Tells it to stop, as a scheduler does, and waits until it has; gives how long that took, in ms. */
  async stop(): Promise<number> {
    const started = performance.now();
    await docker("stop", "--time", "60", this.id);
    return performance.now() - started;
  }

  /** Pulls its plug. */
  async kill(): Promise<void> {
    await docker("kill", this.id);
  }
}

/** A queue of its own for one test, with worker containers on it that end with the test. */
export class Fleet {
  readonly run: ContainerRun;
  readonly queue: string = uniqueQueue("containers");
  /** Where the tasks say that they run. */
  readonly marks: Marks = new Marks();
  readonly #redis: { readonly inside: string; readonly outside: string };

  constructor(redis?: { readonly inside: string; readonly outside: string }) {
    this.run = containerRun();
    this.#redis = redis ?? { inside: "redis://redis:6379", outside: this.run.redisUrl };
    // Written by the user of the containers.
    chmodSync(dirname(this.marks.log), 0o777);
    chmodSync(this.marks.log, 0o666);
  }

  /** A producer, outside of the containers. */
  pool(options: PoolOptions<ContainerTasks> = {}): Pool<ContainerTasks> {
    const pool = new Pool<ContainerTasks>({ connection: this.#redis.outside, queue: this.queue, ...options });
    onTestFinished(() => pool.terminate());
    return pool;
  }

  /** Starts a worker machine, and waits until it is ready. */
  async worker(options: WorkerContainerOptions = {}): Promise<WorkerContainer> {
    const { cpus, memoryMib, env = {}, mounted = true, image = this.run.image, readOnly = true } = options;
    let log = "";
    const container = new HardenedContainer(image)
      .withLabels(this.run.labels)
      .withNetworkMode(this.run.network)
      .withEnvironment({
        REDIS_URL: options.redisUrl ?? this.#redis.inside,
        POOLMQ_QUEUE: this.queue,
        POOLMQ_PROCESSES: "1",
        ...env,
      })
      .withBindMounts([
        { source: dirname(this.marks.log), target: "/marks" },
        ...(mounted ? [{ source: TASKS, target: "/srv/app/tasks.ts", mode: "ro" as const }] : []),
      ])
      .withDroppedCapabilities("ALL")
      .withSecurityOpt("no-new-privileges")
      .withLogConsumer((stream) => stream.setEncoding("utf8").on("data", (text: string) => (log += text)))
      .withWaitStrategy(Wait.forLogMessage(/worker machine ready/));
    if (readOnly) container.withReadOnlyRoot();
    if (memoryMib !== undefined) container.withMemory(memoryMib * 1024 * 1024);
    if (cpus !== undefined) container.withResourcesQuota({ cpu: cpus });
    const started = performance.now();
    const running = await container.start();
    onTestFinished(() => running.stop({ timeout: 0 }).then(() => undefined));
    return new WorkerContainer(running, performance.now() - started, () => log);
  }

  /** Starts so many worker machines side by side. */
  async workers(count: number, options: WorkerContainerOptions = {}): Promise<WorkerContainer[]> {
    return await Promise.all(Array.from({ length: count }, () => this.worker(options)));
  }

  /** Waits until this worker has started so many items. */
  async startedOn({ host }: WorkerContainer, count = 1): Promise<void> {
    await until(() => this.marks.lines.filter((line) => line.endsWith(host)).length >= count, {
      what: `${count} items on ${host}`,
      timeoutMs: 30_000,
    });
  }
}
