/** Looks for workers that can serve a map: refuses one that no live worker can run, and waits while there is no worker. */

import { clearInterval, setInterval } from "node:timers";

import { PoolmqError, TaskNotRegisteredError } from "@poolmq/shared";
import type { TaskInfo, WorkerAdvertisement } from "@poolmq/shared/internal";

import { checkArity } from "../map/check-arity.ts";
import { classifyRefusal, refusedError } from "@poolmq/shared/internal";
import type { MapRun } from "../map/map-run.ts";
import type { CarriedMap } from "../map/transport.ts";
import type { RedisBackend } from "./redis-backend.ts";

/**
 * Workers that are just starting need about this long, in ms. If none has come by then, a warning says that the map
 * waits.
 */
export const NO_WORKER_WARNING_MS = 3_000;

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
  if (info === undefined) {
    const { localAdvice: advice } = backend;
    throw new TaskNotRegisteredError({ task: run.task, known: [...tasks.keys()], advice });
  }
  checkArity(run.call, run.task, info.arity);
  return tasks;
}

type QuietMap = Pick<CarriedMap, "id" | "ended">;

/**
 * The maps of a pool that found no worker alive: each waits for one, and ends if it can never be served. The pool looks
 * for all of them at once, and not while the last answer is outstanding, so that many calls cost no more than one.
 */
export class WorkerLook {
  readonly #backend: RedisBackend;
  readonly #warn: (message: string) => void;
  readonly #waiting = new Set<MapRun>();
  /** Maps under way of which nothing was heard for long. */
  readonly #quiet = new Set<QuietMap>();
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
    this.#begin();
  }

  /** Looks whether there still is a worker for a map under way. It is told of if there is none, and not ended. */
  addQuiet(map: QuietMap): void {
    this.#quiet.add(map);
    this.#begin();
  }

  #begin(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#warned = false;
    this.#timer = setInterval(() => void this.#look(), LOOK_FOR_WORKERS_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    for (const run of this.#waiting) if (run.ended) this.#waiting.delete(run);
    for (const map of this.#quiet) if (map.ended) this.#quiet.delete(map);
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await Promise.all([...Array.from(this.#waiting, (run) => this.#check(run)), this.#checkQuiet()]);
    } finally {
      this.#isAsking = false;
    }
    if (this.#waiting.size + this.#quiet.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #check(run: MapRun): Promise<void> {
    try {
      const tasks = await checkTask(this.#backend, run);
      if (tasks !== undefined) this.#waiting.delete(run);
      else this.#warnOnce();
    } catch (error) {
      const told = classifyRefusal(error).passes ? error : refusedError(error);
      if (told instanceof PoolmqError) run.fail(told);
      // otherwise Redis is away, or refuses for now, and the map waits for that too
    }
  }

  async #checkQuiet(): Promise<void> {
    if (this.#quiet.size === 0) return;
    const machines = await this.#backend.machines().catch(() => undefined);
    if (machines === undefined) return; // Redis is away, which is reported elsewhere
    if (machines.some(({ unfit }) => unfit === undefined)) this.#quiet.clear();
    else this.#warnOnce(machines[0]);
  }

  /** @param unfit - a machine that can't serve, if there is one */
  #warnOnce(unfit?: WorkerAdvertisement): void {
    // The refusal of Redis is reported instead; the time for workers starts when it is over.
    if (this.#backend.gather.isRefused) this.#since = performance.now();
    if (this.#warned || performance.now() - this.#since <= NO_WORKER_WARNING_MS) return;
    this.#warned = true;
    // A map that waits for its first worker may be quiet as well.
    const waiting = new Set([...this.#waiting, ...this.#quiet].map(({ id }) => id));
    const [first] = waiting;
    const who = waiting.size === 1 ? `map ${first} waits` : `${waiting.size} calls wait`;
    const { queue, localAdvice } = this.#backend;
    const advice = localAdvice === undefined ? "" : `. ${localAdvice}`;
    this.#warn(
      unfit?.unfit === undefined
        ? `No worker serves queue "${queue}", so ${who} for one. Start one with: npx poolmq worker <module>${advice}`
        : `No worker of queue "${queue}" can serve, so ${who} for one. On ${unfit.host}: ${unfit.unfit.reason}`,
    );
  }
}
