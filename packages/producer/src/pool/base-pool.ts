/**
 * What `Pool` and `ThreadPool` have in common: the calls, and the states of a pool's life.
 *
 * - `open`: takes calls. Leaves to `closing` with `close()`, to `terminated` with `terminate()`.
 * - `closing`: no new calls; ends what it started once the last map has ended. Leaves to `closed`, or `terminated`.
 * - `terminated`: its maps are cancelled. Leaves to `closed`.
 * - `closed`: nothing is left of it.
 */

import { randomUUID } from "node:crypto";
import { fileURLToPath, pathToFileURL } from "node:url";

import type { Logger } from "pino";

import { CancelledError, InvalidOptionError, InvalidStateError, PoolClosedError } from "@poolmq/shared";
import { short } from "@poolmq/shared/internal";

import type { PoolStats } from "../engine/redis-engine.ts";
import { ApplyResult } from "../result/apply-result.ts";
import { resolveCallOptions } from "../options/call-options.ts";
import type { CallOptions, CheckedCallDefaults, ResolvedCallOptions } from "../options/call-options.ts";
import { callSafely, withHooks } from "../call/call-hooks.ts";
import { fixedChunks } from "../map/chunk-size.ts";
import type { ArgumentLimit } from "../map/encode-items.ts";
import { checkedTuples, singles } from "../map/input.ts";
import type { Input } from "../map/input.ts";
import { noInsights } from "../account/insight-log.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import { MapResult } from "../result/map-result.ts";
import { MapTelemetry } from "../telemetry/map-telemetry.ts";
import { MapRun } from "../map/map-run.ts";
import type { Sink } from "../map/sink.ts";
import type { CallSite, ErrorClass } from "../map/read-outcomes.ts";
import type { Shared } from "../map/shared.ts";
import { ResultStream, StreamBuffer } from "../result/result-stream.ts";
import { Slots } from "../result/ordered-results.ts";
import type { ResolvedTelemetry } from "../options/telemetry-options.ts";
import { TaskLogs, toLogger } from "../call/task-log.ts";
import type { TaskLog } from "../call/task-log.ts";
import { checkArity, exportedAs, taskName } from "../call/task-name.ts";
import type { ArgumentOf, ArgumentsOf, Items, MapTaskRef, ResultOf, TaskRef } from "../call/task-types.ts";

/** Where a pool is in its life: `open` takes calls, `closing` finishes them, `terminated` cancels them, `closed` has ended. */
export type PoolState = "open" | "closing" | "terminated" | "closed";

const NEXT_STATES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  open: ["closing", "terminated"],
  closing: ["terminated", "closed"],
  terminated: ["closed"],
  closed: [],
};

/** What of a map's arguments may be under way at a time: a bound on memory beside the number of jobs. */
const WINDOW_BYTES = 64 * 1024 * 1024;

/** What a pool needs to know of a call beside its map. @internal */
export interface CallFacts {
  /** Name of the method. */
  readonly call: string;
  /** It has a `mapId`. */
  readonly durable: boolean;
  readonly autoChunks: boolean;
}

/** A map that is under way. */
interface Pending {
  readonly id: string;
  readonly ended: boolean;
  fail(error: unknown): void;
}

/** The longest interval of a timer. */
const FOREVER_MS = 2 ** 31 - 1;

/**
 * What `Pool` and `ThreadPool` have in common, for code that takes either.
 *
 * @typeParam T - type of the tasks module
 */
export abstract class BasePool<T extends object> implements AsyncDisposable {
  readonly #defaults: CheckedCallDefaults;
  readonly #logger: Logger | undefined;
  readonly #modulePath: string | undefined;
  readonly #windowJobs: number;
  readonly #telemetry: ResolvedTelemetry | undefined;
  readonly #queueName: string | undefined;
  readonly #argumentLimit: ArgumentLimit | undefined;
  #module: object | undefined;
  readonly #pending = new Set<Pending>();
  readonly #ended = Promise.withResolvers<void>();
  #state: PoolState = "open";
  #liveness: NodeJS.Timeout | undefined;
  #waits = 0;
  #ending = false;
  /** Why no call can succeed any more: what the pool stands on has ended. */
  #fatal: { readonly error: unknown } | undefined;

  /** @internal */
  constructor(
    defaults: CheckedCallDefaults,
    facts: {
      readonly logger: Logger | undefined;
      readonly module: object | undefined;
      readonly modulePath: string | undefined;
      /** How many jobs of a map may be under way at a time. */
      readonly window: number;
      /** What the arguments of a job may have at most, in bytes. */
      readonly maxPayloadBytes?: number;
      /** What OpenTelemetry is told; nothing without it. */
      readonly telemetry: ResolvedTelemetry | undefined;
      /** The queue's name, if it was given. */
      readonly queue?: string | undefined;
    },
  ) {
    this.#defaults = defaults;
    this.#logger = facts.logger;
    this.#module = facts.module;
    this.#modulePath = facts.modulePath;
    this.#windowJobs = facts.window;
    this.#telemetry = facts.telemetry;
    this.#queueName = facts.queue;
    const { maxPayloadBytes: maxBytes } = facts;
    this.#argumentLimit = maxBytes === undefined ? undefined : { maxBytes, limit: "maxPayloadBytes" };
    this.#ended.promise.catch(() => {}); // join() tells it
  }

  /** State of the pool's life. */
  get state(): PoolState {
    return this.#state;
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
   * console.log(squares); // [ 1, 4, 9 ]
   * ```
   */
  map<R extends MapTaskRef<T>>(
    task: R,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): MapResult<ResultOf<T, R>> {
    return this.#collect("map", task, () => singles("map", items), options);
  }

  /**
   * Calls the task with each argument tuple, in parallel, and gives the results in input order.
   *
   * @param tuples - `[first, second, …]` for each call: any sync or async iterable of arrays
   * @returns a handle, as `map`
   * @example
   * ```ts
   * const sums = await pool.starmap("add", [[1, 2], [3, 4]]);
   * console.log(sums); // [ 3, 7 ]
   * ```
   */
  starmap<R extends TaskRef<T>>(
    task: R,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): MapResult<ResultOf<T, R>> {
    return this.#collect("starmap", task, () => checkedTuples("starmap", tuples), options);
  }

  /**
   * Calls the task with each item, in parallel, and gives the results in input order while they come in. The input may
   * be endless: at most `buffersize` items are in flight or waiting to be read.
   *
   * @returns a stream. Its `next()` rejects in a failed item's turn, and goes on with the one after it
   * @example
   * ```ts
   * let total = 0;
   * for await (const square of pool.imap("square", [1, 2, 3])) total += square;
   * console.log(total); // 14
   * ```
   */
  imap<R extends MapTaskRef<T>>(
    task: R,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream("imap", task, () => singles("imap", items), options, true);
  }

  /** As `imap`, but gives the results in the order in which they come in. */
  imapUnordered<R extends MapTaskRef<T>>(
    task: R,
    items: Items<ArgumentOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream("imapUnordered", task, () => singles("imapUnordered", items), options, false);
  }

  /** As `imap`, with an argument tuple for each call. */
  istarmap<R extends TaskRef<T>>(
    task: R,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    return this.#stream("istarmap", task, () => checkedTuples("istarmap", tuples), options, true);
  }

  /** As `imapUnordered`, with an argument tuple for each call. */
  istarmapUnordered<R extends TaskRef<T>>(
    task: R,
    tuples: Items<ArgumentsOf<T, R>>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ResultStream<ResultOf<T, R>> {
    const input = (): Input => checkedTuples("istarmapUnordered", tuples);
    return this.#stream("istarmapUnordered", task, input, options, false);
  }

  /**
   * Calls the task once.
   *
   * @param args - its arguments, as a tuple
   * @returns a handle: `await` gives the result
   * @example
   * ```ts
   * const three = await pool.apply("add", [1, 2]);
   * console.log(three); // 3
   * ```
   */
  apply<R extends TaskRef<T>>(
    task: R,
    args: ArgumentsOf<T, R>,
    options?: CallOptions<ResultOf<T, R>>,
  ): ApplyResult<ResultOf<T, R>> {
    type V = ResultOf<T, R>;
    const slots = new Slots<V>();
    const started = this.#tryBegin<V>(
      "apply",
      task,
      () => checkedTuples("apply", [args]),
      options,
      slots,
      false,
    );
    return new ApplyResult<V>({
      ...started,
      value: slots.results().then(([only]) => only as V),
      settled: () => slots.settled(),
      iterate: () => slots.iterate(),
    });
  }

  /** Takes up a map that was started with `mapId`, by this process or one that died. A `ThreadPool` refuses. */
  abstract attach<R = unknown>(mapId: string): MapResult<R>;

  /** Sends a large value once; the handle can be any argument of any number of items. */
  abstract share<V>(value: V): Promise<Shared<V>>;

  /** Waits until so many workers are there: processes, or threads. */
  abstract ready(minWorkers?: number): Promise<void>;

  /** Counts of jobs and workers, and what this pool has measured. */
  abstract stats(): Promise<PoolStats>;

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
    if (this.#state === "open") {
      throw new InvalidStateError("join() was called on an open pool: call close() or terminate() first");
    }
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
      for (const map of this.#pending) {
        map.fail(this.cancelledError(map.id, reason ?? "the pool was terminated"));
      }
      this.#endIfIdle();
    }
    await this.#ended.promise;
  }

  /** `close()`, then `join()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.join();
  }

  // ── for the pools ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Refuses options that this kind of pool can't serve. @internal */
  protected checkCall(_options: { readonly mapId: string | undefined }): void {}

  /** Brings a map under way. What it throws fails the map. @internal */
  protected abstract run(run: MapRun, facts: CallFacts): Promise<void>;

  /** The last pending map has ended, or the first one begins. @internal */
  protected abstract onIdle(idle: boolean): void;

  /** Ends what the pool started. @internal */
  protected abstract end(hurried: boolean): Promise<void>;

  /** @internal */
  protected checkOpen(call: string): void {
    if (this.#state !== "open") throw new PoolClosedError({ call, state: this.#state });
    if (this.#fatal !== undefined) throw this.#fatal.error;
  }

  /** Two readers of one map in one pool would take each other's outcomes. @internal */
  protected checkFree(mapId: string): void {
    if (![...this.#pending].some((map) => map.id === mapId)) return;
    throw new InvalidOptionError(
      `Expected \`mapId\` to be free, got ${short(mapId)}, which this pool is running: use the handle that it gave`,
    );
  }

  /** @internal */
  protected cancelledError(mapId: string, reason: unknown): CancelledError {
    return new CancelledError({ mapId, reason });
  }

  /** What the pool stands on has ended. @internal */
  protected failAll(error: unknown): void {
    this.#fatal ??= { error };
    for (const map of this.#pending) map.fail(error);
  }

  /** @internal */
  protected warn(message: string, error?: unknown): void {
    if (this.#logger !== undefined) this.#logger.warn(error === undefined ? {} : { err: error }, message);
    else
      process.emitWarning(error === undefined ? message : `${message}: ${short(error)}`, {
        type: "PoolmqWarning",
      });
  }

  /** Keeps the process alive while something is waited for that is no map. @internal */
  protected async keepAliveWhile<V>(promise: Promise<V>): Promise<V> {
    this.#waits++;
    this.#stayAlive();
    try {
      return await promise;
    } finally {
      this.#waits--;
      this.#stayAlive();
    }
  }

  /** @internal */
  protected track(map: Pending): void {
    this.#pending.add(map);
    this.#stayAlive();
  }

  /** @internal */
  protected untrack(map: Pending): void {
    this.#pending.delete(map);
    this.#stayAlive();
    this.#endIfIdle();
  }

  /** Classes of errors that the imported tasks module exports. @internal */
  protected async errorClasses(): Promise<ReadonlyMap<string, ErrorClass> | undefined> {
    if (this.#module === undefined) return undefined;
    const classes = Object.values(this.#module).filter(isErrorClass);
    return new Map(classes.map((errorClass) => [errorClass.name, errorClass]));
  }

  // ── one call ───────────────────────────────────────────────────────────────────────────────────────────────────

  #collect<V>(
    call: string,
    task: unknown,
    input: () => Input,
    options: CallOptions<V> | undefined,
  ): MapResult<V> {
    const slots = new Slots<V>();
    const started = this.#tryBegin(call, task, input, options, slots, false);
    return new MapResult<V>({
      ...started,
      value: slots.results(),
      settled: () => slots.settled(),
      iterate: () => slots.iterate(),
    });
  }

  #stream<V>(
    call: string,
    task: unknown,
    input: () => Input,
    options: CallOptions<V> | undefined,
    ordered: boolean,
  ): ResultStream<V> {
    const buffer = new StreamBuffer<V>(ordered);
    return new ResultStream<V>(this.#tryBegin(call, task, input, options, buffer, true), buffer);
  }

  /** Begins a call. Whatever is wrong with it is told by the handle. */
  #tryBegin<V>(
    call: string,
    task: unknown,
    input: () => Input,
    options: CallOptions<V> | undefined,
    sink: Sink,
    keepsUntilRead: boolean,
  ): Begun {
    try {
      this.checkOpen(call);
      const resolved = resolveCallOptions<V>(options, this.#defaults);
      this.checkCall(resolved);
      const { signal } = resolved;
      const id = resolved.mapId ?? randomMapId();
      if (signal?.aborted === true) throw this.cancelledError(id, signal.reason);
      if (resolved.mapId !== undefined) this.checkFree(id);
      return this.#begin({ id, call, task, input: input(), options: resolved, sink, keepsUntilRead });
    } catch (error) {
      sink.ended({ error });
      return {
        id: "none",
        progress: () => NO_PROGRESS,
        insights: noInsights,
        cancel: () => {},
        handOn: () => {},
      };
    }
  }

  #begin<V>(facts: {
    readonly id: string;
    readonly call: string;
    readonly task: unknown;
    readonly input: Input;
    readonly options: ResolvedCallOptions<V>;
    readonly sink: Sink;
    readonly keepsUntilRead: boolean;
  }): Begun {
    const { id, call, task, options, keepsUntilRead } = facts;
    const { signal, chunksize, buffersize, attempts, backoff, taskTimeoutMs, priority } = options;
    if (typeof task === "function") checkArity(call, task.name, task.length);
    let classes: ReadonlyMap<string, ErrorClass> | undefined;
    const report = (name: string, error: unknown): void =>
      this.warn(`The ${name} callback of ${call}() threw`, error);
    const sink = withHooks<V>(facts.sink, {
      ...options,
      onFirstFailure: options.failFast ? (error) => run.fail(error) : undefined,
      progress: () => run.progress,
      report,
    });
    if (facts.input.length !== undefined) facts.sink.expect?.(facts.input.length);
    const { onTaskProgress } = options;
    const cancel = (reason?: unknown): void => run.fail(this.cancelledError(id, reason));
    const onAbort = (): void => cancel(signal?.reason);
    const name = taskName(call, task, this.#module);
    const telemetry = MapTelemetry.begin({ id, call, task: name, queue: this.#queueName }, this.#telemetry);
    const told = telemetry?.watch(sink, () => run) ?? sink;
    const logs = options.forwardLogs ? this.#taskLogs({ id, task: name }, options.onLog, report) : undefined;
    const ended: Sink = {
      succeeded: (index, value) => told.succeeded(index, value),
      ...(told.succeededAll === undefined
        ? {}
        : { succeededAll: (at, values) => told.succeededAll?.(at, values) }),
      failed: (index, error) => told.failed(index, error),
      ended: (end) => {
        signal?.removeEventListener("abort", onAbort);
        this.untrack(run);
        logs?.end();
        told.ended(end);
      },
    };
    const run: MapRun = new MapRun(
      {
        id,
        call,
        task: name,
        input: facts.input.source,
        length: facts.input.length,
        chunkSize: typeof chunksize === "number" ? fixedChunks(chunksize) : undefined,
        window: {
          // A durable map is all in Redis: its producer may die at any time.
          jobs: options.mapId === undefined ? this.#windowJobs : Infinity,
          bytes: options.mapId === undefined ? WINDOW_BYTES : Infinity,
          items: keepsUntilRead ? buffersize : Infinity,
        },
        job: {
          ...(attempts === undefined ? {} : { attempts }),
          ...(backoff === undefined ? {} : { backoff }),
          ...(taskTimeoutMs === undefined ? {} : { taskTimeoutMs }),
          ...(priority === undefined ? {} : { priority }),
          ...(telemetry?.trace === undefined ? {} : { trace: telemetry.trace }),
          ...(logs === undefined ? {} : { logs: () => logs.wanted }),
        },
        onTaskLog: logs === undefined ? undefined : (index, batch) => logs.take(index, batch),
        keepsUntilRead,
        argumentLimit: this.#argumentLimit,
        wholeChunks: options.mapId !== undefined,
        classes: () => classes,
        callSite: callSite(call),
        onTaskProgress:
          onTaskProgress === undefined
            ? undefined
            : (value, index) =>
                callSafely(
                  () => onTaskProgress(value, index),
                  (error) => report("onTaskProgress", error),
                ),
      },
      ended,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
    this.track(run);
    telemetry?.began(run);
    const start = async (): Promise<void> => {
      if (typeof task === "function") run.task = await this.#nameOf(task, run.task);
      classes = await this.errorClasses();
      await this.run(run, { durable: options.mapId !== undefined, call, autoChunks: chunksize === "auto" });
    };
    start().catch((error: unknown) => run.fail(error));
    return {
      id,
      progress: () => run.progress,
      insights: () => run.insights,
      cancel,
      handOn: () => run.handOn(),
    };
  }

  /** Where what the tasks say goes. @throws InvalidOptionError if nobody would learn of it */
  #taskLogs(
    map: { readonly id: string; readonly task: string },
    onLog: ((log: TaskLog) => void) | undefined,
    report: (name: string, error: unknown) => void,
  ): TaskLogs {
    if (onLog !== undefined) {
      return new TaskLogs((log) =>
        callSafely(
          () => onLog(log),
          (error) => report("onLog", error),
        ),
      );
    }
    if (this.#logger !== undefined) return new TaskLogs(toLogger(this.#logger, map.id, map.task));
    throw new InvalidOptionError(
      "Expected an `onLog` together with `forwardLogs`, or a pool with a `logger`: nobody would see the lines",
    );
  }

  /** A function that was imported: so was its module, which knows the name of its export and the classes of its errors. */
  async #nameOf(task: unknown, name: string): Promise<string> {
    if (this.#module === undefined && this.#modulePath !== undefined) {
      this.#module = (await import(pathToFileURL(this.#modulePath).href)) as object;
    }
    return exportedAs(task, this.#module) ?? name;
  }

  // ── the pool's life ────────────────────────────────────────────────────────────────────────────────────────────

  #setState(next: PoolState): void {
    if (!NEXT_STATES[this.#state].includes(next))
      throw new Error(`Illegal transition: ${this.#state} → ${next}`);
    this.#logger?.debug({ from: this.#state, to: next }, "pool state");
    this.#state = next;
  }

  /** Sockets and children don't keep the process alive; what is under way does. */
  #stayAlive(): void {
    const busy = this.#pending.size > 0 || this.#waits > 0;
    if (busy === (this.#liveness !== undefined)) return;
    clearInterval(this.#liveness);
    this.#liveness = busy ? setInterval(() => {}, FOREVER_MS) : undefined;
    this.onIdle(!busy);
  }

  #endIfIdle(): void {
    if (this.#state === "open" || this.#state === "closed" || this.#pending.size > 0 || this.#ending) return;
    this.#ending = true;
    void this.#end();
  }

  async #end(): Promise<void> {
    try {
      await this.keepAliveWhile(this.end(this.#state === "terminated" || this.#fatal !== undefined));
      this.#setState("closed");
      this.#ended.resolve();
    } catch (error) {
      this.#ended.reject(error);
    }
  }
}

/** 72 random bits. Node keeps some in store for UUIDs: to ask for others takes a fiftieth of a whole call. */
function randomMapId(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-10);
}

/** What the handles need of a call that has begun. */
interface Begun {
  readonly id: string;
  progress(): MapRun["progress"];
  insights(): MapRun["insights"];
  cancel(reason?: unknown): void;
  handOn(): void;
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value.prototype instanceof Error;
}

/**
 * The caller's stack, for the errors of its items: without the frames of this package. Only an error needs it as text,
 * which takes much longer than to take note of it.
 *
 * @internal
 */
export function callSite(call: string): CallSite {
  const { stackTraceLimit } = Error;
  // Ours come on top of as many as the user wants to see.
  if (stackTraceLimit > 0) Error.stackTraceLimit = stackTraceLimit + OWN_FRAMES;
  const here = new Error(call);
  Error.stackTraceLimit = stackTraceLimit;
  let text: string | undefined;
  return () => {
    if (text !== undefined) return text;
    const frames = (here.stack ?? "")
      .split("\n")
      .slice(1)
      .filter((frame) => !OWN_FOLDERS.some((folder) => frame.includes(folder)))
      .slice(0, stackTraceLimit);
    if (frames.length > 0) text = [`    --- called by the producer: ${call}() ---`, ...frames].join("\n");
    return text;
  };
}

/** More than lie between a pool's method and `callSite`. */
const OWN_FRAMES = 8;

/** Of this package, as an address and, through a source map, as a path. */
const OWN_FOLDERS: readonly string[] = [
  new URL("../../", import.meta.url).pathname,
  fileURLToPath(new URL("../../", import.meta.url)),
];
