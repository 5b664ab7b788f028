/** The engine of a `ThreadPool`: its queue is in this process's memory, its workers are threads of it. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { InvalidOptionError, TaskNotRegisteredError } from "@poolmq/shared";
import { checkInteger, encode } from "@poolmq/shared/internal";

import { autoChunks, fixedChunks } from "../map/chunk-size.ts";
import type { MapRun } from "../map/map-run.ts";
import type { ResolvedThreadPoolOptions } from "../options/thread-pool-options.ts";
import { ThreadTransport } from "./thread-transport.ts";
import { Threads } from "./threads.ts";
import type { Attachment, CallFacts, Engine, EngineHost, PoolStats } from "../engine/engine.ts";
import { importWorkerPackage } from "../engine/import-worker-package.ts";

export class ThreadEngine implements Engine {
  readonly #options: ResolvedThreadPoolOptions;
  readonly #host: EngineHost;
  readonly #worker: string = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  readonly #threads: Promise<Threads>;
  readonly #transport: Promise<ThreadTransport>;
  /** Payloads of shared values, by id. */
  readonly #shares = new Map<string, SharedArrayBuffer>();

  /** Starts the threads. What goes wrong there is told by the next call. */
  constructor(options: ResolvedThreadPoolOptions, host: EngineHost) {
    this.#options = options;
    this.#host = host;
    const workerPackage = importWorkerPackage("Threads need");
    this.#threads = this.#start(workerPackage);
    this.#transport = this.#threads.then(async (threads) => {
      const { verdictOn } = await workerPackage;
      const { workerLossAttempts } = options;
      const judge = { worker: this.#worker, workerLossAttempts, verdictOn };
      return new ThreadTransport(threads, await threads.ready, this.#shares, judge);
    });
    for (const part of [workerPackage, this.#threads, this.#transport]) part.catch(() => {}); // each call tells it
  }

  check({ mapId }: { readonly mapId: string | undefined }): void {
    if (mapId !== undefined) throw notDurable("`mapId`");
  }

  async begin(run: MapRun, { autoChunks: auto }: CallFacts): Promise<void> {
    const transport = await this.#transport;
    const tasks = await (await this.#threads).ready;
    if (!Object.hasOwn(tasks, run.task)) {
      throw new TaskNotRegisteredError({ task: run.task, known: Object.keys(tasks).sort() });
    }
    if (run.ended) return;
    run.chunkSize ??= this.#chunkSize(run, auto ? "auto" : (tasks[run.task]?.chunksize ?? 1));
    await run.start(transport);
  }

  attach(): Attachment {
    throw notDurable("attach()");
  }

  async share(value: unknown): Promise<string> {
    const payload = encode(value);
    const bytes = new SharedArrayBuffer(Buffer.byteLength(payload));
    Buffer.from(bytes).write(payload);
    const id = randomBytes(9).toString("hex");
    this.#shares.set(id, bytes);
    return id;
  }

  async ready(minWorkers: number): Promise<void> {
    checkInteger("minWorkers", minWorkers, { min: 0, max: this.#options.threads });
    const threads = await this.#threads;
    await threads.waitForReady(minWorkers, () => this.#host.isOpen);
  }

  /** The one machine is this one. */
  async stats(): Promise<PoolStats> {
    const [threads, transport] = await Promise.all([this.#threads, this.#transport]);
    return {
      waiting: transport.waiting,
      active: threads.active,
      machines: 1,
      workers: threads.readyCount,
      ...transport.measured(),
    };
  }

  /** Threads don't keep the process alive. */
  onIdle(): void {}

  async end(hurried: boolean): Promise<void> {
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
        onDead: (error) => this.#host.failAll(error),
        warn: (message, error) => this.#host.warn(message, error),
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
