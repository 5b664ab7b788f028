/**
 * The pool: what a producer app calls.
 *
 *  producer app                         Redis                          worker machine
 * ┌──────────────────┐   1 BullMQ job  ┌──────────────┐  BullMQ Worker ┌──────────────────────────┐
 * │ Pool.map(fn, …)  │──per chunk─────▶│ queue (jobs) │───────────────▶│ supervisor: fetches,     │
 * │  MapRun: encode, │                 │              │                │ renews locks, watches    │
 * │  window, slots   │                 │ map:<id>:out │◀──publish,─────│   │ pipe                 │
 * │  Gather: read    │◀──read──────────│ map:<id>:done│   then ack     │   ▼                      │
 * └──────────────────┘                 └──────────────┘                │ child × cores: run-item  │
 *                                                                      └──────────────────────────┘
 * States:
 * - `open`: takes calls. Leaves to `closing` with `close()`, to `terminated` with `terminate()`.
 * - `closing`: no new calls; ends what it started once the last map has ended. Leaves to `closed`, or `terminated`.
 * - `terminated`: its maps are cancelled. Leaves to `closed`.
 * - `closed`: nothing is left of it.
 */

import { randomBytes } from "node:crypto";

import { CancelledError, InvalidStateError, PoolClosedError, TaskNotRegisteredError } from "@poolmq/shared";

import { Backend } from "./backend.ts";
import { checkedTuples, singles } from "./input.ts";
import type { TupleIterator } from "./input.ts";
import { MapResult } from "./map-result.ts";
import { MapRun } from "./map-run.ts";
import { resolveCallOptions, resolvePoolOptions } from "./pool-options.ts";
import type { CallOptions, PoolOptions, ResolvedPoolOptions } from "./pool-options.ts";
import { slots } from "./slots.ts";
import { taskName } from "./task-name.ts";
import type { ArgumentOf, ArgumentsOf, MapTaskRef, ResultOf, TaskRef, UntypedTasks } from "./task-types.ts";

export type PoolState = "open" | "closing" | "terminated" | "closed";

const NEXT_STATES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  open: ["closing", "terminated"],
  closing: ["terminated", "closed"],
  terminated: ["closed"],
  closed: [],
};

/** How long local workers may take to end in good order: they are idle by then, but may have a `finalizer`. */
const LOCAL_CLOSE_TIMEOUT_MS = 5_000;

/** Workers that are just starting need about this long; after it, waiting for them is worth a word. */
const NO_WORKER_WARNING_MS = 3_000;

/**
 * A pool of worker processes, on this machine or a fleet: CPython's `multiprocessing.Pool`.
 *
 * @typeParam T - type of the tasks module, from which calls get their names, arguments and results
 * @example
 * ```ts
 * import { Pool } from "@poolmq/producer";
 * import type * as tasks from "./tasks.ts";
 *
 * await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes: 5 });
 * console.log(await pool.map("increment", [1, 2, 3, 4, 5])); // [2, 3, 4, 5, 6]
 * ```
 */
export class Pool<T extends object = UntypedTasks> implements AsyncDisposable {
  readonly #options: ResolvedPoolOptions;
  readonly #backend: Promise<Backend>;
  /** Maps that have not ended. */
  readonly #runs = new Set<MapRun>();
  readonly #ended = Promise.withResolvers<void>();
  #state: PoolState = "open";
  #liveness: NodeJS.Timeout | undefined;
  #ending = false;
  /** Why no call can succeed any more: what the pool stands on has ended. */
  #fatal: { readonly error: unknown } | undefined;
  /** Fires when nothing needs what is still starting. */
  readonly #unneeded = new AbortController();

  /**
   * Starts connecting, and in local mode starts the worker processes. What goes wrong there is told by the next call.
   *
   * @throws InvalidOptionError
   */
  constructor(options: PoolOptions<T> = {}) {
    this.#options = resolvePoolOptions(options);
    const hooks = { warn: (facts: object, message: string) => this.#options.logger?.warn(facts, message) };
    this.#backend = Backend.start(
      this.#options,
      hooks,
      (error) => this.#failAll(error),
      this.#unneeded.signal,
    );
    this.#backend.catch(() => {}); // each call tells it
    this.#ended.promise.catch(() => {}); // join() tells it
  }

  /**
   * Calls the task with each item, in parallel, and gives the results in input order.
   *
   * @param task - name of a function that takes one argument, or the function itself where it was imported
   * @param items - the arguments: any sync or async iterable
   * @returns a handle: `await` gives `R[]`. It rejects with the error of the failed item with the lowest index, once all
   * items have ended; with a `PoolmqError` if the call itself is at fault
   * @example
   * ```ts
   * const squares = await pool.map("square", [1, 2, 3]);
   * ```
   */
  map<R extends MapTaskRef<T>>(
    task: R,
    items: Iterable<ArgumentOf<T, R>> | AsyncIterable<ArgumentOf<T, R>>,
    options?: CallOptions,
  ): MapResult<ResultOf<T, R>> {
    return this.#map("map", task, () => singles("map", items), options);
  }

  /**
   * Calls the task with each argument tuple, in parallel, and gives the results in input order.
   *
   * @param tuples - `[first, second, …]` for each call: any sync or async iterable of arrays
   * @returns a handle, as `map`
   * @example
   * ```ts
   * const sums = await pool.starmap("add", [[1, 2], [3, 4]]);
   * ```
   */
  starmap<R extends TaskRef<T>>(
    task: R,
    tuples: Iterable<ArgumentsOf<T, R>> | AsyncIterable<ArgumentsOf<T, R>>,
    options?: CallOptions,
  ): MapResult<ResultOf<T, R>> {
    return this.#map("starmap", task, () => checkedTuples("starmap", tuples), options);
  }

  /** Takes no new calls; the pool ends by itself once its maps have. May be called twice. */
  close(): void {
    if (this.#state !== "open") return;
    this.#setState("closing");
    this.#endIfIdle();
  }

  /**
   * Waits until a closed pool has finished its maps and ended what it started.
   *
   * @throws InvalidStateError if neither `close()` nor `terminate()` was called
   */
  async join(): Promise<void> {
    if (this.#state === "open")
      throw new InvalidStateError("join() was called on an open pool: call close() or terminate() first");
    await this.#ended.promise;
  }

  /**
   * Cancels this pool's maps (nobody else's) and ends what it started: their handles reject with a `CancelledError`.
   *
   * @param reason - becomes the `cause` of that error
   */
  async terminate(reason?: unknown): Promise<void> {
    if (this.#state === "open" || this.#state === "closing") {
      this.#setState("terminated");
      for (const run of this.#runs)
        run.fail(new CancelledError({ mapId: run.id, reason: reason ?? "the pool was terminated" }));
      this.#endIfIdle();
    }
    await this.#ended.promise;
  }

  /** `close()`, then `join()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.join();
  }

  #setState(next: PoolState): void {
    if (!NEXT_STATES[this.#state].includes(next))
      throw new Error(`Illegal transition: ${this.#state} → ${next}`);
    this.#options.logger?.debug({ from: this.#state, to: next }, "pool state");
    this.#state = next;
  }

  /** What every call has in common. Whatever is wrong with it rejects the handle. */
  #map<V>(
    call: string,
    task: unknown,
    input: () => TupleIterator,
    options: CallOptions | undefined,
  ): MapResult<V> {
    const id = randomBytes(9).toString("hex");
    try {
      if (this.#state !== "open") throw new PoolClosedError({ call, state: this.#state });
      if (this.#fatal !== undefined) throw this.#fatal.error;
      const { chunksize } = resolveCallOptions(options, this.#options);
      const name = taskName(call, task, this.#options.module);
      const { results, sink } = slots<V>();
      const run = new MapRun(
        { id, task: name, input: input(), chunksize, window: this.#options.window },
        sink,
      );
      this.#start(run);
      const forget = (): void => this.#forget(run);
      results.then(forget, forget);
      return new MapResult<V>(id, results, () => run.progress);
    } catch (error) {
      return new MapResult<V>(id, rejected(error), () => ({ total: undefined, done: 0, failed: 0 }));
    }
  }

  #start(run: MapRun): void {
    this.#runs.add(run);
    this.#stayAlive();
    void this.#backend.then(
      (backend) => this.#run(backend, run),
      (error: unknown) => run.fail(error),
    );
  }

  async #run(backend: Backend, run: MapRun): Promise<void> {
    try {
      backend.keepAlive(true);
      if (run.ended) return;
      const known = await backend.registeredTasks();
      if (known === undefined) this.#lookForWorkersLater(backend, run);
      else refuseUnknown(run.task, known);
      if (run.ended) return;
      backend.gather.open(run);
      await run.start(backend.gather);
    } catch (error) {
      run.fail(error);
    }
  }

  /** No worker is alive: the map waits for one, and says so if none comes. */
  #lookForWorkersLater(backend: Backend, run: MapRun): void {
    const timer = setTimeout(() => {
      if (run.ended) return;
      backend.registeredTasks().then(
        (known) => {
          if (known === undefined)
            this.#warn(
              `no worker serves queue "${backend.queue}"; the map waits for one. Start one with: npx poolmq worker <module>`,
            );
          else if (!known.includes(run.task)) run.fail(new TaskNotRegisteredError({ task: run.task, known }));
        },
        () => {}, // Redis is away; the map waits for that too
      );
    }, NO_WORKER_WARNING_MS);
    timer.unref();
  }

  #warn(message: string): void {
    const { logger } = this.#options;
    if (logger === undefined) process.emitWarning(message, { type: "PoolmqWarning" });
    else logger.warn(message);
  }

  #forget(run: MapRun): void {
    this.#runs.delete(run);
    this.#stayAlive();
    this.#endIfIdle();
  }

  /** Sockets and children don't keep the process alive; a map that is under way does. */
  #stayAlive(): void {
    if (this.#runs.size > 0) {
      this.#liveness ??= setInterval(() => {}, 2 ** 30);
    } else {
      clearInterval(this.#liveness);
      this.#liveness = undefined;
      this.#backend.then(
        (backend) => backend.keepAlive(this.#runs.size > 0),
        () => {}, // nothing was started
      );
    }
  }

  #failAll(error: unknown): void {
    this.#fatal ??= { error };
    for (const run of this.#runs) run.fail(error);
  }

  #endIfIdle(): void {
    if (this.#state === "open" || this.#state === "closed" || this.#runs.size > 0 || this.#ending) return;
    this.#ending = true;
    void this.#end();
  }

  async #end(): Promise<void> {
    const liveness = setInterval(() => {}, 2 ** 30);
    this.#unneeded.abort();
    try {
      const backend = await this.#backend.catch(() => undefined); // each call told why it did not start
      await backend?.close(
        this.#state === "terminated" || this.#fatal !== undefined ? 0 : LOCAL_CLOSE_TIMEOUT_MS,
      );
      this.#setState("closed");
      this.#ended.resolve();
    } catch (error) {
      this.#ended.reject(error);
    } finally {
      clearInterval(liveness);
    }
  }
}

function refuseUnknown(task: string, known: readonly string[]): void {
  if (!known.includes(task)) throw new TaskNotRegisteredError({ task, known });
}

/** A call may be refused with whatever its input threw. */
async function rejected(error: unknown): Promise<never> {
  throw error;
}
