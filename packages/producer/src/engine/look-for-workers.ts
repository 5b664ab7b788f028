/** Looks for workers that can serve a map: refuses one that no live worker can run, and waits while there is no worker. */

import { PoolmqError, TaskNotRegisteredError } from "@poolmq/shared";
import type { TaskInfo } from "@poolmq/shared/internal";

import { checkArity } from "../map/check-arity.ts";
import { classifyRefusal, refusedError } from "@poolmq/shared/internal";
import type { MapRun } from "../map/map-run.ts";
import type { RedisBackend } from "./redis-backend.ts";

/**
 * Workers that are just starting need about this long, in ms. If none has come by then, a warning says that the map
 * waits.
 */
const NO_WORKER_WARNING_MS = 3_000;

const LOOK_FOR_WORKERS_MS = 500;

/**
 * Refuses a map that no live worker can run. Gives the registered tasks; `undefined` if no worker is alive.
 *
 * @throws NestedPoolError, TaskNotRegisteredError, CodeVersionError, InvalidOptionError
 */
export async function checkTask(
  backend: RedisBackend,
  run: MapRun,
): Promise<ReadonlyMap<string, TaskInfo> | undefined> {
  await backend.checkNotNested(run.call);
  const tasks = await backend.registeredTasks(run.job.codeVersion, run.task);
  if (tasks === undefined) return undefined;
  const info = tasks.get(run.task);
  if (info === undefined) throw new TaskNotRegisteredError({ task: run.task, known: [...tasks.keys()] });
  checkArity(run.call, run.task, info.arity);
  return tasks;
}

/**
 * The maps of a pool that found no worker alive: each waits for one, and ends if it can never be served. The pool looks
 * for all of them at once, and not while the last answer is outstanding, so that many calls cost no more than one.
 */
export class WorkerLook {
  readonly #backend: RedisBackend;
  readonly #warn: (message: string) => void;
  readonly #waiting = new Set<MapRun>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;
  /** When the present wait of maps began, by the monotonic clock. */
  #since = 0;
  #warned = false;

  constructor(backend: RedisBackend, warn: (message: string) => void) {
    this.#backend = backend;
    this.#warn = warn;
  }

  /** Looks for a worker until one can serve the map, or the map has ended. */
  add(run: MapRun): void {
    this.#waiting.add(run);
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#warned = false;
    this.#timer = setInterval(() => void this.#look(), LOOK_FOR_WORKERS_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    for (const run of this.#waiting) if (run.ended) this.#waiting.delete(run);
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await Promise.all(Array.from(this.#waiting, (run) => this.#check(run)));
    } finally {
      this.#isAsking = false;
    }
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #check(run: MapRun): Promise<void> {
    try {
      const tasks = await checkTask(this.#backend, run);
      if (tasks !== undefined) this.#waiting.delete(run);
      // The refusal of Redis is reported instead; the time for workers starts when it is over.
      else if (this.#backend.gather.isRefused) this.#since = performance.now();
      else this.#warnOnce();
    } catch (error) {
      const told = classifyRefusal(error).passes ? error : refusedError(error);
      if (told instanceof PoolmqError) run.fail(told);
      // otherwise Redis is away, or refuses for now, and the map waits for that too
    }
  }

  #warnOnce(): void {
    if (this.#warned || performance.now() - this.#since <= NO_WORKER_WARNING_MS) return;
    this.#warned = true;
    const [first] = this.#waiting;
    const who = this.#waiting.size === 1 ? `map ${first?.id} waits` : `${this.#waiting.size} calls wait`;
    this.#warn(
      `No worker serves queue "${this.#backend.queue}", so ${who} for one. Start one with: npx poolmq worker <module>`,
    );
  }
}
