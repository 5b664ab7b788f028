/**
 * The pool of threads: CPython's `multiprocessing.pool.ThreadPool`.
 *
 *  this process
 * ┌──────────────────────────────────────────────────────────────┐
 * │ ThreadPool.map(fn, …)                         Piscina        │
 * │  MapRun: encode, ──chunks──▶ ThreadTransport ──▶ thread × n: │
 * │  window, slots   ◀─outcomes─  waits, judges  ◀── run-item    │
 * └──────────────────────────────────────────────────────────────┘
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { InvalidOptionError, TaskNotRegisteredError } from "@poolmq/shared";
import { checkInteger, encode } from "@poolmq/shared/internal";

import type { PoolStats } from "../engine/redis-engine.ts";
import { BasePool } from "./base-pool.ts";
import type { CallFacts } from "./base-pool.ts";
import { autoChunks, fixedChunks } from "../map/chunk-size.ts";
import { importWorkerPackage } from "../engine/import-worker-package.ts";
import { noInsights } from "../account/insight-log.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import { MapResult } from "../result/map-result.ts";
import type { MapRun } from "../map/map-run.ts";
import { Shared } from "../map/shared.ts";
import { Slots } from "../result/ordered-results.ts";
import type { UntypedTasks } from "../call/task-types.ts";
import { resolveThreadPoolOptions } from "../options/thread-pool-options.ts";
import type { ResolvedThreadPoolOptions, ThreadPoolOptions } from "../options/thread-pool-options.ts";
import { ThreadTransport } from "../threads/thread-transport.ts";
import { Threads } from "../threads/threads.ts";

/** Jobs of a map that wait here: enough to keep the threads busy, few enough to be cheap to throw away. */
const WINDOW_JOBS = 2_000;

/**
 * A pool of threads of this process, without Redis: the interface of `Pool`, for work on one machine and for the unit
 * tests of an app that uses one. Arguments and results are copies, as they are there.
 *
 * @typeParam T - type of the tasks module, from which calls get their names, arguments and results
 * @example
 * ```ts
 * import { ThreadPool } from "@poolmq/producer";
 * import type * as tasks from "./tasks.ts";
 *
 * await using pool = new ThreadPool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), threads: 5 });
 * console.log(await pool.map("increment", [1, 2, 3, 4, 5])); // [ 2, 3, 4, 5, 6 ]
 * ```
 */
export class ThreadPool<T extends object = UntypedTasks> extends BasePool<T> {
  readonly #options: ResolvedThreadPoolOptions;
  readonly #worker: string = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  readonly #threads: Promise<Threads>;
  readonly #transport: Promise<ThreadTransport>;
  /** Payloads of shared values, by id. */
  readonly #shares = new Map<string, SharedArrayBuffer>();

  /**
   * Starts the threads. What goes wrong there is told by the next call.
   *
   * @throws InvalidOptionError
   */
  constructor(options: ThreadPoolOptions) {
    const resolved = resolveThreadPoolOptions(options);
    super(resolved.defaults, {
      logger: resolved.logger,
      module: undefined,
      modulePath: resolved.modulePath,
      window: WINDOW_JOBS,
      telemetry: resolved.telemetry,
    });
    this.#options = resolved;
    const workerPackage = importWorkerPackage("Threads need");
    this.#threads = this.#start(workerPackage);
    this.#transport = this.#threads.then(async (threads) => {
      const { verdictOn } = await workerPackage;
      const { workerLossAttempts } = resolved;
      const judge = { worker: this.#worker, workerLossAttempts, verdictOn };
      return new ThreadTransport(threads, await threads.ready, this.#shares, judge);
    });
    for (const part of [workerPackage, this.#threads, this.#transport]) part.catch(() => {}); // each call tells it
  }

  /**
   * Always refused: a map that outlives its process needs Redis, and a `Pool`.
   *
   * @returns a handle that rejects with an `InvalidOptionError`
   */
  override attach<R = unknown>(mapId: string): MapResult<R> {
    const slots = new Slots<R>();
    slots.ended({ error: notDurable("attach()") });
    return new MapResult({
      id: String(mapId),
      value: slots.results(),
      progress: () => NO_PROGRESS,
      insights: noInsights,
      cancel: () => {},
      settled: () => slots.settled(),
      iterate: () => slots.iterate(),
    });
  }

  /**
   * Makes a large value known to the threads; the handle can be any argument of any number of items, whose functions
   * get the value. Each thread makes its own copy, once. It is forgotten when the pool ends.
   *
   * @throws SerializationError, LimitError
   */
  override async share<V>(value: V): Promise<Shared<V>> {
    this.checkOpen("share");
    const payload = encode(value);
    const bytes = new SharedArrayBuffer(Buffer.byteLength(payload));
    Buffer.from(bytes).write(payload);
    const id = randomBytes(9).toString("hex");
    this.#shares.set(id, bytes);
    return new Shared<V>(id);
  }

  /**
   * Waits until threads have loaded the tasks module.
   *
   * @param minWorkers - number of threads, at most all @defaultValue 1
   * @throws TasksModuleError if they can't
   */
  override async ready(minWorkers = 1): Promise<void> {
    this.checkOpen("ready");
    checkInteger("minWorkers", minWorkers, { min: 0, max: this.#options.threads });
    const isOpen = (): boolean => this.state === "open";
    await this.keepAliveWhile(this.#threads.then((threads) => threads.waitForReady(minWorkers, isOpen)));
    this.checkOpen("ready");
  }

  /** Counts of jobs and threads, and what this pool has measured. The one machine is this one. */
  override async stats(): Promise<PoolStats> {
    this.checkOpen("stats");
    const [threads, transport] = await this.keepAliveWhile(Promise.all([this.#threads, this.#transport]));
    return {
      waiting: transport.waiting,
      active: threads.active,
      machines: 1,
      workers: threads.readyCount,
      ...transport.measured(),
    };
  }

  protected override checkCall({ mapId }: { readonly mapId: string | undefined }): void {
    if (mapId !== undefined) throw notDurable("`mapId`");
  }

  protected override async run(run: MapRun, { autoChunks: auto }: CallFacts): Promise<void> {
    const transport = await this.#transport;
    const tasks = await (await this.#threads).ready;
    if (!Object.hasOwn(tasks, run.task)) {
      throw new TaskNotRegisteredError({ task: run.task, known: Object.keys(tasks).sort() });
    }
    if (run.ended) return;
    run.chunkSize ??= this.#chunkSize(run, auto ? "auto" : (tasks[run.task]?.chunksize ?? 1));
    await run.start(transport);
  }

  /** Threads don't keep the process alive. */
  protected override onIdle(): void {}

  protected override async end(hurried: boolean): Promise<void> {
    const threads = await this.#threads.catch(() => undefined); // each call told why it did not start
    await threads?.close(hurried);
  }

  async #start(workerPackage: ReturnType<typeof importWorkerPackage>): Promise<Threads> {
    const worker = await workerPackage;
    const { modulePath, threads, concurrency, startTimeoutMs, maxMemoryPerThreadMb } = this.#options;
    return new Threads(
      {
        modulePath,
        worker: this.#worker,
        threads,
        concurrency,
        startTimeoutMs,
        maxMemoryPerThreadMb,
        onDead: (error) => this.failAll(error),
        warn: (message, error) => this.warn(message, error),
      },
      worker,
    );
  }

  #chunkSize(run: MapRun, size: number | "auto"): ReturnType<typeof fixedChunks> {
    if (size !== "auto") return fixedChunks(size);
    return autoChunks(
      () => run.remaining,
      () => this.#options.threads * this.#options.concurrency,
    );
  }
}

function notDurable(what: string): InvalidOptionError {
  return new InvalidOptionError(
    `Expected no ${what} on a ThreadPool, which keeps nothing that outlives this process: a map that can be taken up again lives in Redis, so it needs a Pool`,
  );
}
