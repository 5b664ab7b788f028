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
 */

import { randomBytes } from "node:crypto";

import { NestedPoolError, PoolmqError, RedisConnectionError, TaskNotRegisteredError } from "@poolmq/shared";
import { Attachments, encode } from "@poolmq/shared/internal";
import type { TaskInfo } from "@poolmq/shared/internal";

import { AttachedMap } from "../gather/attached-map.ts";
import { Backend } from "../engine/redis-engine.ts";
import type { PoolStats } from "../engine/redis-engine.ts";
import { BasePool, callSite } from "./base-pool.ts";
import type { CallFacts } from "./base-pool.ts";
import { checkMapId } from "../options/call-options.ts";
import { autoChunks, fixedChunks } from "../map/chunk-size.ts";
import type { Gather } from "../gather/gather.ts";
import { MapResult } from "../result/map-result.ts";
import type { MapRun } from "../map/map-run.ts";
import { resolvePoolOptions } from "../options/pool-options.ts";
import type { PoolOptions, ResolvedPoolOptions } from "../options/pool-options.ts";
import type { ErrorClass } from "../map/read-outcomes.ts";
import { Shared } from "../map/shared.ts";
import { Slots } from "../result/ordered-results.ts";
import { checkArity } from "../call/task-name.ts";
import type { UntypedTasks } from "../call/task-types.ts";

/** Workers that are just starting need about this long; after it, waiting for them is worth a word. */
const NO_WORKER_WARNING_MS = 3_000;

const LOOK_FOR_WORKERS_MS = 500;

/** How long local workers may take to end in good order: they are idle by then, but may have a `finalizer`. */
const LOCAL_CLOSE_TIMEOUT_MS = 5_000;

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
 * console.log(await pool.map("increment", [1, 2, 3, 4, 5])); // [ 2, 3, 4, 5, 6 ]
 * ```
 */
export class Pool<T extends object = UntypedTasks> extends BasePool<T> {
  readonly #options: ResolvedPoolOptions;
  /** Absent while nothing is started: the last start found no Redis. */
  #backend: Promise<Backend> | undefined;
  readonly #shareIds: string[] = [];
  /** Fires when nothing needs what is still starting. */
  readonly #unneeded = new AbortController();

  /**
   * Starts connecting, and in local mode starts the worker processes. What goes wrong there is told by the next call.
   *
   * @throws InvalidOptionError
   */
  constructor(options: PoolOptions<T> = {}) {
    const resolved = resolvePoolOptions(options);
    super(resolved.defaults, {
      logger: resolved.logger,
      module: resolved.module,
      modulePath: resolved.modulePath,
      window: resolved.window,
      maxPayloadBytes: resolved.maxPayloadBytes,
      telemetry: resolved.telemetry,
      queue: resolved.queue,
    });
    this.#options = resolved;
    this.#backend = this.#start();
  }

  #start(): Promise<Backend> {
    const options = this.#options;
    const hooks = {
      warn: (facts: object, message: string) => options.logger?.warn(facts, message),
      alarm: (message: string) => this.warn(message),
      cleaning: (done: Promise<unknown>) => void this.keepAliveWhile(done),
      ownWorkers: options.local !== undefined,
    };
    const starting = Backend.start(options, hooks, (error) => this.failAll(error), this.#unneeded.signal);
    starting.catch(() => {}); // each call tells it
    return starting;
  }

  /** What the pool stands on. A start that found no Redis is told by the calls that waited for it; later ones try again. */
  async #started(): Promise<Backend> {
    if (this.#backend === undefined) {
      this.#backend = this.#start();
      // It was not there to be told.
      this.onIdle(false);
    }
    const starting = this.#backend;
    try {
      return await starting;
    } catch (error) {
      if (this.#backend === starting && mayComeBack(error)) this.#backend = undefined;
      throw error;
    }
  }

  /**
   * Takes up a map that was started with `mapId`, by this process or one that died.
   *
   * @typeParam R - type of one result
   * @returns a handle, as `map`. It rejects with an `UnknownMapError` if there is no such map, and with an
   * `IncompleteMapError` if its producer died before it had enqueued all items
   * @example
   * ```ts
   * // collect.ts
   * import { Pool } from "@poolmq/producer";
   *
   * // A process that was restarted since called pool.map("square", [1, 2, 3], { mapId: "squares-1" }).
   * await using pool = new Pool({ connection: process.env["REDIS_URL"] });
   * console.log(await pool.attach<number>("squares-1")); // [ 1, 4, 9 ]
   * ```
   */
  override attach<R = unknown>(mapId: string): MapResult<R> {
    const slots = new Slots<R>();
    const site = callSite("attach");
    let classes: ReadonlyMap<string, ErrorClass> | undefined;
    let gather: Gather | undefined;
    const context = {
      callSite: site,
      get classes() {
        return classes;
      },
    };
    const map: AttachedMap = new AttachedMap(mapId, slots, context, (how, end) => {
      if (how === "over") gather?.drop(map, end);
      else gather?.leave(map);
      this.untrack(map);
    });
    const attach = async (): Promise<void> => {
      classes = await this.errorClasses();
      const backend = await this.#started();
      if (await backend.gather.ask(map, () => backend.isNested()))
        throw new NestedPoolError({ queue: backend.queue, call: "attach" });
      const { total } = await backend.gather.ask(map, () => backend.gather.durable.find(mapId));
      if (map.ended) return;
      ({ gather } = backend);
      await gather.open(map, "attached");
      if (total !== undefined) map.sealed(total);
    };
    try {
      this.checkOpen("attach");
      checkMapId(mapId);
      this.checkFree(mapId);
      this.track(map);
      attach().catch((error: unknown) => map.fail(error));
    } catch (error) {
      slots.ended({ error });
    }
    const source = {
      id: String(mapId),
      value: slots.results(),
      progress: () => map.progress,
      insights: () => map.insights,
      cancel: (reason?: unknown) => map.cancel(this.cancelledError(mapId, reason)),
      settled: () => slots.settled(),
      iterate: () => slots.iterate(),
    };
    return new MapResult(source);
  }

  /**
   * Sends a large value once; the handle can be any argument of any number of items, whose functions get the value.
   * Workers fetch it once per machine. A function must not change it: all items of its process have the same one. It is
   * forgotten when the pool ends.
   *
   * @throws SerializationError, LimitError (`maxShareBytes`), PoolClosedError
   * @example
   * ```ts
   * const weights = await pool.share(new Float64Array([1, 2, 3]));
   * const scores = await pool.starmap("score", [[weights, 10], [weights, 20]]);
   * console.log(scores); // [ 60, 120 ]
   * ```
   */
  override async share<V>(value: V): Promise<Shared<V>> {
    this.checkOpen("share");
    const attachments = new Attachments();
    const limit = { maxBytes: this.#options.maxShareBytes, limit: "maxShareBytes" };
    const payload = encode(value, { ...limit, attachments });
    const id = randomBytes(9).toString("hex");
    this.#shareIds.push(id);
    await this.#ask("share", (backend) => backend.gather.share(id, payload, attachments.bytes));
    return new Shared<V>(id);
  }

  /**
   * Waits until workers are there.
   *
   * @param minWorkers - number of worker processes, on all machines @defaultValue 1
   * @throws InvalidOptionError, PoolClosedError, RedisConnectionError
   */
  override async ready(minWorkers = 1): Promise<void> {
    this.checkOpen("ready");
    const isOpen = (): boolean => this.state === "open";
    await this.#ask("ready", (backend) => backend.ready(minWorkers, isOpen));
    this.checkOpen("ready");
  }

  /**
   * Gives counts of the queue's jobs and workers, and what this pool has measured.
   *
   * @throws PoolClosedError, RedisConnectionError
   */
  override async stats(): Promise<PoolStats> {
    this.checkOpen("stats");
    return await this.#ask("stats", (backend) => backend.stats());
  }

  async #ask<V>(call: string, question: (backend: Backend) => Promise<V>): Promise<V> {
    try {
      return await this.keepAliveWhile(this.#started().then(question));
    } catch (error) {
      // A pool that ended meanwhile has closed its connection under the question.
      this.checkOpen(call);
      throw error;
    }
  }

  protected override async run(run: MapRun, { call, durable, autoChunks: auto }: CallFacts): Promise<void> {
    const backend = await this.#started();
    if (run.ended) return;
    const tasks = await backend.gather.ask(run, () => this.#check(backend, run, call));
    if (tasks === undefined) this.#lookForWorkers(backend, run, call);
    // A durable map must be cut the same way by whoever takes it up.
    const defined = durable ? 1 : (tasks?.get(run.task)?.chunksize ?? 1);
    run.chunkSize ??= this.#chunkSize(run, backend, auto ? "auto" : defined);
    if (run.ended) return;
    if (durable) await this.#takeUp(run, backend.gather);
    else await backend.gather.open(run, "plain", { report: run });
    if (!run.ended) await run.start(backend.gather);
  }

  protected override onIdle(idle: boolean): void {
    this.#backend?.then(
      (backend) => backend.keepAlive(!idle),
      () => {}, // nothing was started
    );
  }

  protected override async end(hurried: boolean): Promise<void> {
    this.#unneeded.abort();
    const backend = await this.#backend?.catch(() => undefined); // each call told why it did not start
    await backend?.gather.unshare(this.#shareIds);
    await backend?.close(hurried ? 0 : LOCAL_CLOSE_TIMEOUT_MS);
  }

  /** Begins a durable map, or goes on with one that is there. */
  async #takeUp(run: MapRun, gather: Gather): Promise<void> {
    const chunks = await run.peek();
    if (run.ended) return;
    const resumed = await gather.ask(run, () => gather.durable.claim(run.id, run.task, run.length, chunks));
    if (!run.ended) await gather.open(run, "durable", { resumed, report: run });
  }

  #chunkSize(run: MapRun, backend: Backend, size: number | "auto"): ReturnType<typeof fixedChunks> {
    return size === "auto"
      ? autoChunks(
          () => run.remaining,
          () => backend.processes,
        )
      : fixedChunks(size);
  }

  /** Refuses a call that can't come to its end, as far as can be told now. Gives the registered tasks. */
  async #check(
    backend: Backend,
    run: MapRun,
    call: string,
  ): Promise<ReadonlyMap<string, TaskInfo> | undefined> {
    if (await backend.isNested()) throw new NestedPoolError({ queue: backend.queue, call });
    const tasks = await backend.registeredTasks();
    if (tasks === undefined) return undefined;
    const info = tasks.get(run.task);
    if (info === undefined) throw new TaskNotRegisteredError({ task: run.task, known: [...tasks.keys()] });
    checkArity(call, run.task, info.arity);
    return tasks;
  }

  /** No worker is alive: the map waits for one, says so if none comes, and ends if it can never be served. */
  #lookForWorkers(backend: Backend, run: MapRun, call: string): void {
    const since = performance.now();
    let warned = false;
    const timer = setInterval(() => {
      if (run.ended) return clearInterval(timer);
      this.#check(backend, run, call).then(
        (tasks) => {
          if (tasks !== undefined) {
            clearInterval(timer);
          } else if (!warned && performance.now() - since > NO_WORKER_WARNING_MS) {
            warned = true;
            this.warn(
              `No worker serves queue "${backend.queue}", so map ${run.id} waits for one. Start one with: npx poolmq worker <module>`,
            );
          }
        },
        (error: unknown) => {
          if (error instanceof PoolmqError) run.fail(error);
          // else Redis is away; the map waits for that too
        },
      );
    }, LOOK_FOR_WORKERS_MS);
    timer.unref();
  }
}

/** Whether Redis may be there at the next call. */
function mayComeBack(error: unknown): boolean {
  return (
    error instanceof RedisConnectionError && (error.reason === "unreachable" || error.reason === "not-ready")
  );
}
