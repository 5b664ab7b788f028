/** The engine of a pool without Redis: its queue is in this process's memory, its workers are a crew of this machine. */

import { randomBytes } from "node:crypto";
import { types } from "node:util";

import { InvalidOptionError, TaskNotRegisteredError } from "@poolmq/shared";
import { Attachments, checkInteger, encode } from "@poolmq/shared/internal";
import type { TaskInfo } from "@poolmq/shared/internal";
import type { LocalCrew, LocalCrewOptions, SharedMemory, SharedValue } from "@poolmq/worker/local";
import type * as WorkerPackage from "@poolmq/worker/local";

import { checkArity } from "../map/check-arity.ts";
import { autoChunks, fixedChunks } from "../input/chunk-size.ts";
import type { MapRun } from "../map/map-run.ts";
import { Changes } from "./changes.ts";
import type { Attachment, CallFacts, Engine, EngineHost, PoolStats } from "./engine.ts";
import { importWorkerPackage } from "./import-worker-package.ts";
import { KeepForReplay } from "./memory/keep-for-replay.ts";
import { MemoryQueue } from "./memory/memory-queue.ts";
import { obeyLimit } from "./obey-limit.ts";
import { StartFailures } from "./start-failures.ts";

/** How long the workers may take to end gracefully, in ms. They are idle by then, but may have a `finalizer`. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface MemoryEngineOptions {
  readonly crew: LocalCrewOptions;
  readonly maxShareBytes: number;
  /** The end of an error's message: what to write for a pool whose maps outlive it. */
  readonly durableHint: string;
  /** Encoded shared values by id, if other engines use them too. @defaultValue a map of its own */
  readonly shares?: Map<string, SharedValue>;
}

/** What exists once the workers' package is loaded. */
interface Parts extends LocalCrew {
  /** Resolves once the first worker has loaded the tasks module. */
  readonly tasks: Promise<Readonly<Record<string, TaskInfo>>>;
  readonly queue: Promise<MemoryQueue>;
}

/** What maps need, once the first worker has loaded the tasks module. */
interface Served {
  readonly queue: MemoryQueue;
  readonly tasks: Readonly<Record<string, TaskInfo>>;
}

export class MemoryEngine implements Engine {
  readonly #options: MemoryEngineOptions;
  readonly #host: EngineHost;
  readonly #parts: Promise<Parts>;
  /** Encoded values that were shared, by id. */
  readonly #shares: Map<string, SharedValue>;
  readonly #changes = new Changes();
  /** Set once the first worker is ready. */
  #served: Served | undefined;
  #alive = false;
  readonly #failures = new StartFailures();

  /** Starts the workers. An error of that is reported by the next call. */
  constructor(options: MemoryEngineOptions, host: EngineHost) {
    this.#options = options;
    this.#shares = options.shares ?? new Map<string, SharedValue>();
    this.#host = host;
    this.#parts = importWorkerPackage("Worker processes and threads on this machine need").then((worker) =>
      this.#start(worker),
    );
    this.#parts.catch(() => {}); // each call reports it
  }

  get places(): number {
    const { processes, concurrency } = this.#options.crew;
    return processes * concurrency;
  }

  /** Whether the crew runs something. */
  get isBusy(): boolean {
    return this.#served !== undefined && this.#served.queue.counts.active > 0;
  }

  check(options: { readonly mapId: string | undefined; readonly codeVersion?: string }): void {
    if (options.mapId !== undefined) throw this.#notDurable("`mapId`");
    if (options.codeVersion === undefined) return;
    throw new InvalidOptionError(
      "Expected no `codeVersion` on a pool whose workers are of its own: they load the code that is there. It chooses among the machines of a fleet",
    );
  }

  /** Begins a map. If workers are ready, they have its first items when this returns. */
  async begin(run: MapRun, { durable, autoChunks: auto }: CallFacts): Promise<void> {
    const { queue, tasks } = this.#served ?? (await this.#serves());
    const info = Object.hasOwn(tasks, run.task) ? tasks[run.task] : undefined;
    if (info === undefined) {
      throw new TaskNotRegisteredError({ task: run.task, known: Object.keys(tasks).sort() });
    }
    checkArity(run.call, run.task, info.arity);
    if (run.ended) return;
    obeyLimit(run, info, { durable });
    if (run.job.limit !== undefined) await queue.allowLimits();
    const size = auto ? "auto" : (info.chunksize ?? 1);
    run.chunkSize ??= size === "auto" ? this.#autoChunks(run) : fixedChunks(size);
    await run.start(queue);
  }

  attach(): Attachment {
    throw this.#notDurable("attach()");
  }

  async acknowledge(): Promise<void> {
    throw this.#notDurable("acknowledge()");
  }

  async share(value: unknown): Promise<string> {
    const id = randomBytes(9).toString("hex");
    if (this.#options.crew.hosts !== "processes" && isSharedMemory(value)) {
      this.#shares.set(id, { payload: "", bytes: undefined, memory: value });
      return id;
    }
    const attachments = new Attachments();
    const limit = { maxBytes: this.#options.maxShareBytes, limit: "maxShareBytes" };
    const payload = encode(value, { ...limit, attachments });
    this.#shares.set(id, { payload, bytes: attachments.bytes });
    return id;
  }

  async unshare(id: string): Promise<void> {
    this.#shares.delete(id);
    (await this.#parts).crew.unshare(id);
  }

  async setPriority(mapId: string, priority: number | undefined): Promise<void> {
    (await (await this.#parts).queue).setPriority(mapId, priority);
  }

  async ready(minWorkers: number): Promise<void> {
    checkInteger("minWorkers", minWorkers, { min: 0, max: this.#options.crew.processes });
    const { crew, tasks } = await this.#parts;
    await tasks;
    await this.#changes.until(() => crew.ready >= minWorkers || !this.#host.isOpen);
  }

  /** Gives the counts; the only machine is this one. */
  async stats(): Promise<PoolStats> {
    const { crew, queue: starting } = await this.#parts;
    const queue = await starting;
    return { ...queue.counts, machines: 1, workers: crew.ready, ...queue.measured() };
  }

  onIdle(idle: boolean): void {
    this.#alive = !idle;
    this.#parts.then(
      ({ crew }) => crew.ref(this.#alive),
      () => {}, // nothing was started
    );
  }

  async end(hurried: boolean): Promise<void> {
    const parts = await this.#parts.catch(() => undefined); // each call has reported why it did not start
    this.#served?.queue.close();
    this.#changes.changed();
    await parts?.crew.close(hurried ? 0 : CLOSE_TIMEOUT_MS);
  }

  async #serves(): Promise<Served> {
    const { queue, tasks } = await this.#parts;
    return { queue: await queue, tasks: await tasks };
  }

  async #start({ localCrew, writeReplayFile, ...rules }: typeof WorkerPackage): Promise<Parts> {
    const { id, crew } = await localCrew(this.#options.crew, {
      onProgress: (...args) => this.#served?.queue.progress(...args),
      onLog: (...args) => this.#served?.queue.log(...args),
      onChange: () => this.#onChange(),
    });
    crew.ref(this.#alive);
    const tasks = crew.start();
    const queue = tasks.then((registered) => {
      const made = new MemoryQueue({
        crew,
        tasks: registered,
        worker: id,
        pid: this.#options.crew.hosts === "processes" ? undefined : process.pid,
        shares: this.#shares,
        workerLossAttempts: this.#options.crew.workerLossAttempts,
        rules,
        kept: this.#keepForReplay(writeReplayFile),
      });
      this.#served = { queue: made, tasks: registered };
      return made;
    });
    // Each call reports it. If the first worker could not load the module, the others can't either.
    queue.catch(() => crew.kill());
    return { id, crew, tasks, queue };
  }

  #onChange(): void {
    this.#changes.changed();
    this.#served?.queue.dispatch();
    void this.#parts.then(({ crew }) => {
      // The result of the first start is reported through `tasks`.
      if (this.#served !== undefined && this.#failures.isHopeless(crew.startFailure))
        this.#host.failAll(crew.startFailure);
    });
  }

  /** Gives nothing for a module that the program gave as an object, which another process could not load. */
  #keepForReplay(write: typeof WorkerPackage.writeReplayFile): KeepForReplay | undefined {
    const { module, exports } = this.#options.crew;
    if (exports !== undefined) return undefined;
    return new KeepForReplay(write, module, (message) => this.#host.warn(message));
  }

  #autoChunks(run: MapRun): ReturnType<typeof autoChunks> {
    return autoChunks(
      () => run.remaining,
      () => this.places,
    );
  }

  #notDurable(what: string): InvalidOptionError {
    return new InvalidOptionError(
      `Expected no ${what} on a pool whose queue is in this process's memory, which ends with it. A map that can be taken up again lives in Redis: ${this.#options.durableHint}`,
    );
  }
}

/** Whether threads share the value's memory, so that it need not be copied for each of them. */
function isSharedMemory(value: unknown): value is SharedMemory {
  return types.isSharedArrayBuffer(ArrayBuffer.isView(value) ? value.buffer : value);
}
