/**
 * The pool of threads: CPython's `multiprocessing.pool.ThreadPool`.
 *
 *  this process
 * ┌───────────────────────────────────────────────────────────────┐
 * │ ThreadPool.map(fn, …)                          Crew           │
 * │  MapRun: encode, ──chunks──▶ MemoryQueue ───▶ thread × n:     │
 * │  window, slots   ◀─outcomes─  waits, judges ◀── run-item      │
 * └───────────────────────────────────────────────────────────────┘
 */

import type { UntypedTasks } from "../call/tasks/task-types.ts";
import { InlineEngine } from "../engine/inline-engine.ts";
import { MemoryEngine } from "../engine/memory-engine.ts";
import { resolveThreadPoolOptions } from "../options/thread-pool-options.ts";
import type { ThreadPoolOptions } from "../options/thread-pool-options.ts";
import { BasePool } from "./base-pool.ts";
import { refuseImportBomb } from "./refuse-import-bomb.ts";

/** The most jobs of a map that wait in memory: enough to keep the threads busy, and few enough to be cheap to cancel. */
const WINDOW_JOBS = 2_000;

const DURABLE_HINT =
  'use `new Pool({ tasks, processes, connection: "redis://127.0.0.1:6379" })` in place of this ThreadPool';

/**
 * A pool of threads of this process, without Redis: the interface of `Pool`, for work on one machine and for the unit
 * tests of an app that uses one. Arguments and results are copied, as with `Pool`.
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
  /**
   * Starts the threads. An error of that is reported by the next call.
   *
   * @throws InvalidOptionError
   */
  constructor(options: ThreadPoolOptions) {
    const resolved = resolveThreadPoolOptions(options);
    const { modulePath, module: exports, threads, maxTasksPerThread: maxTasksPerChild } = resolved;
    if (modulePath !== undefined && threads > 0) refuseImportBomb(modulePath);
    const crew = {
      ...resolved,
      hosts: threads === 0 ? ("inline" as const) : ("threads" as const),
      module: modulePath ?? "of this program",
      exports,
      processes: Math.max(1, threads),
      maxTasksPerChild,
      maxMemoryPerChildMb: 0,
    };
    super({ ...resolved, queue: undefined, window: WINDOW_JOBS, maxPayloadBytes: undefined }, (host) => {
      const InMemory = threads === 0 ? InlineEngine : MemoryEngine;
      return new InMemory({ crew, maxShareBytes: Infinity, durableHint: DURABLE_HINT }, host);
    });
  }
}
