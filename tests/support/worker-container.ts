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

/** True if no engine answers and that is no failure; for `describe.skipIf`. */
export const NO_ENGINE: boolean = "skip" in provided && provided.skip;

/** What the run has set up. Fails if that was not possible. */
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

/** A container with as few rights as docker/compose.yaml and docker/kubernetes give it. */
class HardenedContainer extends GenericContainer {
  /** Makes the image's file system read-only. */
  withReadOnlyRoot(): this {
    this.hostConfig.ReadonlyRootfs = true;
    return this;
  }

  /** No swap, with which a container over its limit would become slow before it is killed. */
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

  /** Its output so far. */
  get output(): string {
    return this.#log();
  }

  /** Its state, from the engine. */
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

  /** Tells it to stop, as a scheduler does, and waits for its end; gives how long that took, in ms. */
  async stop(): Promise<number> {
    const started = performance.now();
    await docker("stop", "--time", "60", this.id);
    return performance.now() - started;
  }

  /** Kills it without warning. */
  async kill(): Promise<void> {
    await docker("kill", this.id);
  }
}

/** A queue of its own for one test, with worker containers on it that end with the test. */
export class Fleet {
  readonly run: ContainerRun;
  readonly queue: string = uniqueQueue("containers");
  /** The files in which tasks note that they run. */
  readonly marks: Marks = new Marks();
  readonly #redis: { readonly inside: string; readonly outside: string };

  constructor(redis?: { readonly inside: string; readonly outside: string }) {
    this.run = containerRun();
    this.#redis = redis ?? { inside: "redis://redis:6379", outside: this.run.redisUrl };
    // The containers' user must be able to write here.
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

  /** Starts `count` worker machines in parallel. */
  async workers(count: number, options: WorkerContainerOptions = {}): Promise<WorkerContainer[]> {
    return await Promise.all(Array.from({ length: count }, () => this.worker(options)));
  }

  /** Waits until this worker has started `count` items. */
  async startedOn({ host }: WorkerContainer, count = 1): Promise<void> {
    await until(() => this.marks.lines.filter((line) => line.endsWith(host)).length >= count, {
      what: `${count} items on ${host}`,
      timeoutMs: 30_000,
    });
  }
}
