/** The engine of a pool whose queue is in Redis: it starts the backend, and gives each map to the gather. */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import { LimitError, RedisConnectionError } from "@poolmq/shared";
import { Attachments, checkInteger, encode, refusedError } from "@poolmq/shared/internal";

import type { LargestValue } from "@poolmq/shared/redis";

import { AttachedRun } from "../map/attached-run.ts";
import type { MapGather } from "../gather/map-gather.ts";
import { autoChunks, fixedChunks } from "../input/chunk-size.ts";
import type { ChunkSize } from "../input/chunk-size.ts";
import type { MapRun } from "../map/map-run.ts";
import type { MapEnd } from "../map/outcomes/sink.ts";
import type { CarriedMap } from "../map/transport.ts";
import { WorkWindow } from "../map/work-window.ts";
import type { RedisPoolOptions } from "../options/pool-options.ts";
import type { Attachment, AttachRequest, CallFacts, Engine, EngineHost, PoolStats } from "./engine.ts";
import { checkTask, NO_WORKER_WARNING_MS, WorkerLook } from "./look-for-workers.ts";
import { obeyLimit } from "./obey-limit.ts";
import type { RedisBackend } from "./redis-backend.ts";
import { untilTaken } from "../redis/retry-refused.ts";

/** How long local workers may take to end gracefully, in ms. They are idle by then, but may have a `finalizer`. */
const LOCAL_CLOSE_TIMEOUT_MS = 5_000;

const READY_POLL_MS = 50;

export class RedisEngine implements Engine {
  readonly #options: RedisPoolOptions;
  readonly #host: EngineHost;
  /** Absent while nothing is started, because the last start found no Redis. */
  #backend: Promise<RedisBackend> | undefined;
  /** The backend, once it is ready. */
  #running: RedisBackend | undefined;
  #tellLargest: ((largest: LargestValue) => void) | undefined;
  /** Set once a map found no worker, or was quiet for long. */
  #look: WorkerLook | undefined;
  /** What was measured of each task in its last map. */
  readonly #paces = new Map<string, WorkWindow["pace"]>();
  /** Fires when the parts that are still starting are no longer needed. */
  readonly #unneeded = new AbortController();

  /** Starts connecting and, in local mode, starts the worker processes. An error of that is reported by the next call. */
  constructor(options: RedisPoolOptions, host: EngineHost) {
    this.#options = options;
    this.#host = host;
    this.#backend = this.#start();
  }

  get places(): number {
    return this.#running?.places ?? 0;
  }

  onLargestValue(tell: (largest: LargestValue) => void): void {
    this.#tellLargest = tell;
  }

  /** Accepts all options: Redis serves every call. */
  check(): void {}

  async begin(run: MapRun, { durable, keepMs, autoChunks: auto }: CallFacts): Promise<void> {
    const backend = await this.#started();
    if (run.ended) return;
    const { gather } = backend;
    const tasks = await gather.ask(run, () => checkTask(backend, run));
    if (tasks === undefined) this.#lookFrom(backend).add(run);
    obeyLimit(run, tasks?.get(run.task), { durable });
    // A durable map must be divided in the same way by the process that takes it up.
    const defined = durable ? 1 : (tasks?.get(run.task)?.chunksize ?? 1);
    run.chunkSize ??= chunkSize(run, backend, auto ? "auto" : defined);
    if (run.ended) return;
    if (durable) await takeUp(run, gather, keepMs);
    else {
      const window = windowOf(run, backend, this.#paces.get(run.task));
      this.#paces.set(run.task, window.pace);
      run.share(window);
      await gather.open(run, "plain", { report: run });
    }
    if (!run.ended) await backend.fleet.watchFor(run, run.start(gather));
  }

  attach({ mapId, sink, callSite, classes }: AttachRequest): Attachment {
    let gather: MapGather | undefined;
    /** Set if the map was cancelled before it was found. */
    let early: MapEnd | undefined;
    const map: AttachedRun = new AttachedRun(mapId, sink, { callSite, classes }, (how, end) => {
      if (how === "left") gather?.leave(map);
      else if (gather === undefined) early = end;
      else gather.drop(map, end);
    });
    const attach = async (): Promise<void> => {
      const backend = await this.#started();
      await backend.gather.ask(map, () => backend.checkNotNested("attach"));
      const { total } = await backend.gather.ask(map, () => backend.gather.durable.find(mapId));
      if (map.ended && early === undefined) return;
      ({ gather } = backend);
      await gather.open(map, "attached");
      if (early !== undefined) return gather.drop(map, early);
      if (total !== undefined) map.sealed(total);
    };
    this.#host.keepAliveWhile(attach()).catch((error: unknown) => map.fail(error));
    return map;
  }

  async acknowledge(mapId: string): Promise<void> {
    const { gather } = await this.#started();
    await gather.durable.acknowledge(mapId);
  }

  async share(value: unknown): Promise<string> {
    const attachments = new Attachments();
    const limit = { maxBytes: this.#options.maxShareBytes, limit: "maxShareBytes" };
    const payload = encode(value, { ...limit, attachments });
    const id = randomBytes(9).toString("hex");
    const { gather, largest } = await this.#started();
    const got = Buffer.byteLength(payload) + (attachments.bytes?.length ?? 0);
    if (largest !== undefined && got > largest.bytes) {
      const { bytes: max, setting } = largest;
      throw new LimitError({ what: "The shared value", limit: setting, max, got, unit: "bytes" });
    }
    await gather.shares.send(id, payload, attachments.bytes);
    return id;
  }

  async unshare(id: string): Promise<void> {
    const { gather } = await this.#started();
    await gather.shares.release([id]);
  }

  async setPriority(mapId: string, priority: number | undefined, tells = false): Promise<void> {
    const { gather } = await this.#started();
    await this.#untilAnswered(() => gather.jobs.setPriority(mapId, priority, tells));
  }

  async ready(minWorkers: number): Promise<void> {
    const backend = await this.#started();
    checkInteger("minWorkers", minWorkers, { min: 0 });
    let warnAt = performance.now() + NO_WORKER_WARNING_MS;
    for (;;) {
      await this.#untilAnswered(() => backend.machines(), Infinity);
      if (backend.processes >= minWorkers || !this.#host.isOpen) return;
      if (performance.now() > warnAt) {
        warnAt = Infinity;
        this.#host.warn(
          `ready() waits for ${minWorkers} worker processes on queue "${backend.queue}", and there are ${backend.processes}. Start more with: npx poolmq worker <module>`,
        );
      }
      await delay(READY_POLL_MS);
    }
  }

  async stats(): Promise<PoolStats> {
    const backend = await this.#started();
    const { gather } = backend;
    const [machines, counts] = await Promise.all([
      this.#untilAnswered(() => backend.machines()),
      this.#untilAnswered(() => gather.counts()),
    ]);
    return { ...counts, machines: machines.length, workers: backend.processes, ...gather.measured() };
  }

  onIdle(idle: boolean): void {
    this.#backend?.then(
      (backend) => backend.keepAlive(!idle),
      () => {}, // nothing was started
    );
  }

  async end(hurried: boolean): Promise<void> {
    this.#unneeded.abort();
    const backend = await this.#backend?.catch(() => undefined); // each call has reported why it did not start
    await backend?.gather.shares.release();
    await backend?.close(hurried ? 0 : LOCAL_CLOSE_TIMEOUT_MS);
  }

  #start(): Promise<RedisBackend> {
    const options = this.#options;
    const hooks = {
      warn: (facts: object, message: string) => options.logger?.warn(facts, message),
      alarm: (message: string) => this.#host.warn(message),
      cleaning: (done: Promise<unknown>) => void this.#host.keepAliveWhile(done),
      ownWorkers: options.local !== undefined,
      // Workers of its own are watched and replaced.
      ...(options.local === undefined
        ? {
            quiet: (map: CarriedMap) => {
              if (this.#running !== undefined) this.#lookFrom(this.#running).addQuiet(map);
            },
          }
        : {}),
    };
    const onDead = (error: unknown): void => this.#host.failAll(error);
    // Loaded only here, with the Redis client and BullMQ: a pool in memory needs none of them.
    const starting = import("./redis-backend.ts").then(({ RedisBackend: Backend }) =>
      Backend.start(options, hooks, onDead, this.#unneeded.signal),
    );
    starting.then(
      (backend) => {
        this.#running = backend;
        if (backend.largest !== undefined) this.#tellLargest?.(backend.largest);
      },
      () => {}, // each call reports it
    );
    return starting;
  }

  /**
   * Asks again while Redis refuses for now, as it does while a script keeps it busy: by default, for as long as a
   * connection is tried for. @throws RedisRefusedError
   */
  async #untilAnswered<V>(
    question: () => Promise<V>,
    patienceMs: number = this.#options.connectTimeoutMs,
  ): Promise<V> {
    const until = performance.now() + patienceMs;
    return await untilTaken(question, {
      isWanted: () => this.#host.isOpen && performance.now() < until,
      onRefused: (error) => this.#options.logger?.warn({ err: error }, "Redis refused, trying again"),
    });
  }

  #lookFrom(backend: RedisBackend): WorkerLook {
    this.#look ??= new WorkerLook(backend, (message) => this.#host.warn(message));
    return this.#look;
  }

  /** The backend. If a start found no Redis, the calls that waited for it reject, and later calls try again. */
  async #started(): Promise<RedisBackend> {
    if (this.#backend === undefined) {
      this.#backend = this.#start();
      // The new backend missed the last `onIdle(false)`.
      this.onIdle(false);
    }
    const starting = this.#backend;
    try {
      return await starting;
    } catch (error) {
      if (this.#backend === starting && mayComeBack(error)) this.#backend = undefined;
      throw refusedError(error);
    }
  }
}

/** Begins a durable map, or continues an existing one. */
async function takeUp(run: MapRun, gather: MapGather, keepMs: number | undefined): Promise<void> {
  const chunks = await run.peek();
  if (run.ended) return;
  const call = { task: run.task, total: run.length, keepMs, isLimited: run.job.limit !== undefined };
  const resumed = await gather.ask(run, () => gather.durable.claim(run.id, call, chunks));
  if (!run.ended) await gather.open(run, "durable", { resumed, keepMs, report: run });
}

/**
 * How much a map may have in the queue: half a second of the work of the slots that can serve it, or that its limit
 * allows.
 */
function windowOf(
  run: MapRun,
  { fleet, gather }: RedisBackend,
  before: WorkWindow["pace"] | undefined,
): WorkWindow {
  const { task, job, chunkSize: size } = run;
  const { concurrency = Infinity, ratePerSecond } = job.limit ?? {};
  const chunksize = size?.ahead === Infinity ? size.next() : 1;
  const slots = (): number => Math.min(concurrency, fleet.slots(task, job.codeVersion, chunksize));
  return new WorkWindow(slots, ratePerSecond, gather.stuck && (() => gather.stuck?.(run) ?? 0), before);
}

function chunkSize(run: MapRun, backend: RedisBackend, size: number | "auto"): ChunkSize {
  if (size !== "auto") return fixedChunks(size);
  return autoChunks(
    () => run.remaining,
    () => backend.processes,
  );
}

/** Whether Redis may be reachable at the next call. */
function mayComeBack(error: unknown): boolean {
  return (
    error instanceof RedisConnectionError && (error.reason === "unreachable" || error.reason === "not-ready")
  );
}
