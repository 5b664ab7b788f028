import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Pool, type PoolOptions } from "@poolmq/producer";
import { queueKeys, type QueueKeys } from "@poolmq/shared/redis";
import type { AclRole } from "@poolmq/worker/internal";
import { runWorker, type WorkerMachine, type WorkerOptions } from "@poolmq/worker";
import { afterAll, onTestFinished } from "vitest";

import type * as tasks from "../fixtures/tasks.ts";
import type { RedisServer } from "./redis-server.ts";
import { uniqueQueue } from "./unique.ts";
import { until } from "./until.ts";

/** The tasks module of the tests. */
export const TASKS: URL = new URL("../fixtures/tasks.ts", import.meta.url);

/** A Redis, with logins for each role if it has them. */
export type Reachable = Pick<RedisServer, "url"> & Partial<Pick<RedisServer, "urlFor">>;

/** A queue of its own for one test, with pools and worker machines on it that end with the test. */
export class Stage {
  readonly queue: string;
  readonly keys: QueueKeys;
  readonly #redis: Reachable;

  /** @param queue - given if another stage has the same queue on another Redis */
  constructor(redis: Reachable, queue: string = uniqueQueue()) {
    this.#redis = redis;
    this.queue = queue;
    this.keys = queueKeys(queue);
  }

  /** The address of Redis, with only the rights that poolmq documents for this role. */
  urlFor(role: AclRole): string {
    return this.#redis.urlFor?.(role) ?? this.#redis.url;
  }

  /** A pool without workers of its own. */
  pool<T extends object = typeof tasks>(options: PoolOptions<NoInfer<T>> = {}): Pool<T> {
    const role = options.processes === undefined ? "producer" : "both";
    const pool = new Pool<T>({ connection: this.urlFor(role), queue: this.queue, ...options });
    onTestFinished(() => pool.terminate());
    return pool;
  }

  /** A pool with worker processes of its own. */
  localPool<T extends object = typeof tasks>(options: PoolOptions<NoInfer<T>> = {}): Pool<T> {
    return this.pool<T>({ tasks: TASKS, processes: 1, ...options });
  }

  /** A worker machine in the test's process. */
  async machine(options: Partial<WorkerOptions> = {}): Promise<WorkerMachine> {
    const machine = await runWorker({
      module: TASKS,
      connection: this.urlFor("worker"),
      queue: this.queue,
      processes: 1,
      ...options,
    });
    onTestFinished(() => machine.close(0));
    return machine;
  }
}

/**
 * A pool with one worker process, for all tests of a file that neither end nor change it. Call at the top of the file; the
 * returned function starts it on first use, and gives it within tests.
 */
export function poolForFile(redis: () => Reachable): () => Pool<typeof tasks> {
  let pool: Pool<typeof tasks> | undefined;
  afterAll(() => pool?.terminate());
  return () =>
    (pool ??= new Pool<typeof tasks>({
      connection: redis().urlFor?.("both") ?? redis().url,
      queue: uniqueQueue(),
      tasks: TASKS,
      processes: 1,
    }));
}

/** A temporary folder that ends with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "poolmq-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file to which tasks append a line when they start, and one whose existence lets gated tasks end. */
export class Marks {
  readonly log: string;
  readonly gate: string;

  constructor() {
    const folder = temporaryFolder();
    this.log = join(folder, "log");
    this.gate = join(folder, "gate");
    appendFileSync(this.log, "");
  }

  /** The lines so far. */
  get lines(): string[] {
    return readFileSync(this.log, "utf8").split("\n").slice(0, -1);
  }

  /** Waits until `count` tasks have started; gives their lines. */
  async started(count: number): Promise<string[]> {
    return await until(() => (this.lines.length >= count ? this.lines : undefined), {
      what: `${count} tasks to start`,
    });
  }

  open(): void {
    appendFileSync(this.gate, "");
  }
}

/** Gives what a promise rejects with; fails if it resolves. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a rejection, got ${JSON.stringify(value)?.slice(0, 200)}`);
}
