/**
 * The engine of a pool that runs its tasks in the program's own event loop, where a task can call the pool that runs it.
 * The item that waits for such a call keeps its place meanwhile. So calls by items have places of their own, and calls by
 * the items of those have others again. An item therefore only waits for items one level deeper, and never for its own
 * place.
 *
 *   program ──call──▶ level 0: item ──call──▶ level 1: item ──call──▶ level 2 …
 *
 * Each level is an engine in memory, made when the first call needs it. They have the loaded module and the shared values
 * in common. Levels are counted through all pools of the program of this kind, because their tasks may call each other's
 * pools: an item of level 2 may wait for items of any of these pools, but only for those of level 3 and deeper.
 */

import { AsyncLocalStorage } from "node:async_hooks";

import { InvalidStateError } from "@poolmq/shared";
import type { currentTaskContext, InlineLevel, SharedValue } from "@poolmq/worker/local";

import type { MapRun } from "../map/map-run.ts";
import type { Attachment, CallFacts, Caller, Engine, EngineHost, PoolStats } from "./engine.ts";
import { importWorkerPackage } from "./import-worker-package.ts";
import { MemoryEngine } from "./memory-engine.ts";
import type { MemoryEngineOptions } from "./memory-engine.ts";

/** The async context of a task. */
interface InTask {
  /** Whose task it is. */
  readonly engine: InlineEngine;
  readonly depth: number;
  /** Whether the tasks module is being loaded or its initializer runs. No item can run before that has ended. */
  isLoading: boolean;
}

const inTask = new AsyncLocalStorage<InTask>();

/** Those that have not ended. */
const engines = new Set<InlineEngine>();

export class InlineEngine implements Engine {
  readonly #options: MemoryEngineOptions;
  readonly #host: EngineHost;
  readonly #shares = new Map<string, SharedValue>();
  /** Runs a function in the async context in which the pool was made. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #top: MemoryEngine;
  /** By depth: those that were needed so far. */
  readonly #levels: (MemoryEngine | undefined)[];
  /** Set before any task runs, because it comes with the package that loads the tasks. */
  #currentTaskContext: typeof currentTaskContext | undefined;
  #isIdle = true;

  /** Loads the tasks module. An error of that is reported by the next call. */
  constructor(options: MemoryEngineOptions, host: EngineHost) {
    this.#options = options;
    this.#host = host;
    this.#top = this.#start(0);
    this.#levels = [this.#top];
    engines.add(this);
    importWorkerPackage("Tasks that run in this thread need").then(
      (worker) => (this.#currentTaskContext = worker.currentTaskContext),
      () => {}, // each call reports it
    );
  }

  get places(): number {
    return this.#top.places;
  }

  caller(call: string): Caller | undefined {
    const from = inTask.getStore();
    if (from === undefined) return undefined;
    this.#refuseWhileLoading(call, from);
    // One level below the calling item, which may be waiting. Nobody waits for code that an item left behind.
    let depth = from.depth + 1;
    while (depth > 0 && !isBusyAt(depth - 1)) depth--;
    if (depth === 0) return undefined;
    const isOwn = from.engine === this;
    const signal = isOwn ? this.#currentTaskContext?.()?.signal : undefined;
    return { depth, signal, mayBeWaitedFor: isOwn || this.#isBusyAbove(depth) };
  }

  check(options: Parameters<Engine["check"]>[0]): void {
    this.#top.check(options);
  }

  async begin(run: MapRun, facts: CallFacts): Promise<void> {
    await this.#level(facts.depth).begin(run, facts);
  }

  attach(): Attachment {
    return this.#top.attach();
  }

  async acknowledge(): Promise<void> {
    await this.#top.acknowledge();
  }

  async share(value: unknown): Promise<string> {
    return await this.#top.share(value);
  }

  async unshare(id: string): Promise<void> {
    for (const level of this.#made) await level.unshare(id);
  }

  async setPriority(mapId: string, priority: number | undefined): Promise<void> {
    for (const level of this.#made) await level.setPriority(mapId, priority);
  }

  async ready(minWorkers: number): Promise<void> {
    this.#refuseWhileLoading("ready", inTask.getStore());
    await this.#top.ready(minWorkers);
  }

  /** Counts the items of all levels. How long they run and wait is measured at the top level. */
  async stats(): Promise<PoolStats> {
    this.#refuseWhileLoading("stats", inTask.getStore());
    const [top, ...nested] = await Promise.all([
      this.#top.stats(),
      ...this.#made.slice(1).map((level) => level.stats()),
    ]);
    const sum = (of: (stats: PoolStats) => number): number =>
      nested.reduce((before, stats) => before + of(stats), of(top));
    return {
      ...top,
      waiting: sum(({ waiting }) => waiting),
      active: sum(({ active }) => active),
      throughput: sum(({ throughput }) => throughput),
    };
  }

  onIdle(idle: boolean): void {
    this.#isIdle = idle;
    for (const level of this.#made) level.onIdle(idle);
  }

  async end(hurried: boolean): Promise<void> {
    // The deepest level first: the top level runs the finalizer.
    for (const level of this.#made.toReversed()) await level.end(hurried);
    engines.delete(this);
  }

  /** Whether items of this level run. */
  isBusyAt(depth: number): boolean {
    return this.#levels[depth]?.isBusy === true;
  }

  /** Whether items of this engine run that may wait for one of this level. */
  #isBusyAbove(depth: number): boolean {
    return this.#levels.slice(0, depth).some((level) => level?.isBusy === true);
  }

  get #made(): MemoryEngine[] {
    return this.#levels.filter((level) => level !== undefined);
  }

  #level(depth: number): MemoryEngine {
    const known = this.#levels[depth];
    if (known !== undefined) return known;
    const level = this.#start(depth);
    level.onIdle(this.#isIdle);
    this.#levels[depth] = level;
    return level;
  }

  #start(depth: number): MemoryEngine {
    const running: InTask = { engine: this, depth, isLoading: false };
    const level: InlineLevel = {
      hooks: depth === 0,
      load: async (load) => {
        const loading: InTask = { engine: this, depth, isLoading: true };
        try {
          return await inTask.run(loading, load);
        } finally {
          // Code that the initializer has left running may call the pool from now on.
          loading.isLoading = false;
        }
      },
      run: (take) => inTask.run(running, take),
      leave: (tell) => this.#outside(tell),
    };
    const crew = { ...this.#options.crew, level };
    return new MemoryEngine({ ...this.#options, crew, shares: this.#shares }, this.#host);
  }

  #refuseWhileLoading(call: string, from: InTask | undefined): void {
    if (from?.isLoading !== true || from.engine !== this) return;
    throw new InvalidStateError(
      `${call}() was called while the tasks module of this very pool is loaded, by the module or its initializer: no task can run before that has ended. Call it in a task, or once the pool is ready`,
    );
  }
}

/** Whether items of this level run, in any pool. */
function isBusyAt(depth: number): boolean {
  for (const engine of engines) if (engine.isBusyAt(depth)) return true;
  return false;
}
