/**
 * Piscina, as far as we use it. In our own types, too: its own do not compile under `exactOptionalPropertyTypes`
 * (5.3.2, `FilledOptions`), and would reach whoever uses ours.
 */

import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";

interface PiscinaOptions {
  readonly filename: string;
  readonly name: string;
  readonly minThreads: number;
  readonly maxThreads: number;
  readonly concurrentTasksPerWorker: number;
  readonly atomics: "sync" | "async" | "disabled";
  readonly execArgv: string[];
  readonly workerData: unknown;
  readonly recordTiming: boolean;
  readonly resourceLimits?: { readonly maxOldGenerationSizeMb: number };
  /** Chooses the thread of a task. */
  readonly loadBalancer: <W extends { readonly id: number }>(
    task: { readonly [queueOptions: symbol]: unknown },
    workers: readonly W[],
  ) => W | null;
}

interface PiscinaPool {
  run(task: object, options: { readonly signal?: AbortSignal }): Promise<unknown>;
  destroy(): Promise<void>;
  readonly threads: readonly Worker[];
  on(event: "message" | "error", listener: (value: unknown) => void): this;
}

interface PiscinaClass {
  new (options: PiscinaOptions): PiscinaPool;
  /** Key of a property of a task object that stays on this side; the balancer sees it. */
  readonly queueOptionsSymbol: symbol;
}

export interface ThreadStart {
  /** File whose export `run` is called with each job. */
  readonly filename: string;
  readonly threads: number;
  /** Jobs that a thread may have at a time. */
  readonly concurrency: number;
  readonly maxMemoryPerThreadMb: number | undefined;
  readonly execArgv: string[];
  readonly workerData: unknown;
}

export interface Piscina {
  readonly threads: readonly Worker[];
  /** Has a thread run a job. @param signal - ends that thread */
  run(threadId: number, job: object, signal?: AbortSignal): Promise<unknown>;
  /** Ends all threads. */
  destroy(): Promise<void>;
  /** `message`: of a thread, on its `parentPort`. `error`: a thread that ran nothing has died. */
  on(event: "message" | "error", listener: (value: unknown) => void): void;
}

/** Starts threads. Piscina is loaded here: only who has threads pays for it. */
export function startPiscina(start: ThreadStart): Piscina {
  const require = createRequire(import.meta.url);
  const { Piscina: OfPackage } = require("piscina") as { Piscina: PiscinaClass };
  const chosen = OfPackage.queueOptionsSymbol;
  const { filename, threads, concurrency, maxMemoryPerThreadMb, execArgv, workerData } = start;
  const pool = new OfPackage({
    filename,
    name: "run",
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: concurrency,
    // Between jobs a thread's event loop goes on: what a task left behind, and our word to it, is not held up.
    atomics: "disabled",
    execArgv,
    workerData,
    recordTiming: false,
    ...(maxMemoryPerThreadMb === undefined
      ? {}
      : { resourceLimits: { maxOldGenerationSizeMb: maxMemoryPerThreadMb } }),
    // Its own queue forgets priorities (jobs that can be aborted leave it for another), so it is never used: a job
    // comes when there is a thread for it, one that has loaded the module.
    loadBalancer: (job, workers) => workers.find(({ id }) => id === job[chosen]) ?? null,
  });
  return {
    get threads() {
      return pool.threads;
    },
    run: (threadId, job, signal) =>
      pool.run({ ...job, [chosen]: threadId }, signal === undefined ? {} : { signal }),
    destroy: () => pool.destroy(),
    on: (event, listener) => void pool.on(event, listener),
  };
}
