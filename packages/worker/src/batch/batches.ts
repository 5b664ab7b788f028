/**
 * The batches of a child. At most one of them is open at a time: it takes items of the runs that wait behind it in the
 * pipe, as long as they are of the same task.
 *
 * Loaded only where the tasks module has a batch task.
 */

import { performance } from "node:perf_hooks";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";

import type { Logger } from "pino";

import type { TaskFunction } from "../tasks-module/task-module.ts";
import type { BatchDefinition } from "../task/batch-function.ts";
import { Batch } from "./batch.ts";
import type { Place, Seat } from "./batch.ts";
import { runTogether } from "./run-together.ts";

/**
 * When a batch has ended, the supervisor fetches the next jobs. They do not arrive all at once, and the first ones would be run
 * without the others. So a batch that follows one of several items waits for more items: for this part of the time that the
 * other one took, and no longer than `LONGEST_WAIT_MS`.
 */
const WAITED_PART = 1 / 4;
const LONGEST_WAIT_MS = 10;

export interface BatchesOptions {
  /** Gives a logger that names a task. */
  readonly log: (task: string) => Logger;
  /** Sends what is buffered. */
  readonly flush: () => void;
  /** Called when a batch was opened, which waiting runs may join. */
  readonly onOpen: () => void;
}

export class Batches {
  readonly #options: BatchesOptions;
  #open: Batch | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The one that began last. `endedAt`, by the monotonic clock, is missing until it has ended. */
  #last: { readonly size: number; readonly ms: number; readonly endedAt?: number } | undefined;

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /** The place of the open batch, if it has room for so many items of this task. */
  placeFor(fn: TaskFunction, n: number): Place | undefined {
    const batch = this.#open;
    // A place without runs is free again: the runs of this batch were stopped.
    if (batch === undefined || batch.fn !== fn || batch.place.runs === 0) return undefined;
    return batch.room >= n ? batch.place : undefined;
  }

  /** Runs the items of a job in batches. Never rejects. */
  run(...[run, watcher, stop, place]: RunArguments): ReturnType<typeof runTogether> {
    return runTogether(run, watcher, stop, (definition, seats) =>
      this.#seat({ fn: run.fn, task: run.task, definition, place }, seats),
    );
  }

  /** Puts items into the open batch of their place, or opens one. */
  #seat({ task, ...about }: SeatedTask, seats: readonly Seat[]): Batch {
    let batch = this.#open;
    const isNew =
      batch === undefined ||
      batch.place !== about.place ||
      batch.fn !== about.fn ||
      batch.room < seats.length;
    if (isNew) {
      this.hurry();
      const { log, flush } = this.#options;
      this.#open = new Batch({ ...about, log: () => log(task), flush });
      this.#closeLater(this.#open, Math.max(about.definition.maxWaitMs, this.#waitForFollowersMs()));
    }
    batch = this.#open as Batch;
    batch.add(seats);
    if (batch.room === 0) this.hurry();
    else if (isNew) this.#options.onOpen();
    return batch;
  }

  /** Lets the open batch wait no longer for more items. */
  hurry(): void {
    const batch = this.#open;
    this.#open = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (batch !== undefined) void this.#run(batch);
  }

  async #run(batch: Batch): Promise<void> {
    this.#last = batch;
    await batch.run();
    // Only these facts are kept: the batch holds its items.
    if (this.#last === batch) this.#last = { size: batch.size, ms: batch.ms, endedAt: performance.now() };
  }

  /** How long a new batch waits for the items that follow those of the last one, in ms. */
  #waitForFollowersMs(): number {
    const last = this.#last;
    if (last === undefined || last.size < 2) return 0;
    const sinceMs = last.endedAt === undefined ? 0 : performance.now() - last.endedAt;
    return Math.min(LONGEST_WAIT_MS, last.ms * WAITED_PART) - sinceMs;
  }

  #closeLater(batch: Batch, ms: number): void {
    // First take the runs that the pipe has brought by now.
    if (ms > 0) this.#timer = setTimeout(() => this.hurry(), ms);
    else
      setImmediate(() => {
        if (this.#open === batch) this.hurry();
      });
  }
}

interface SeatedTask {
  readonly fn: TaskFunction;
  readonly task: string;
  readonly definition: BatchDefinition;
  readonly place: Place;
}

type RunArguments = [
  run: Parameters<typeof runTogether>[0],
  watcher: Parameters<typeof runTogether>[1],
  stop: Parameters<typeof runTogether>[2],
  place: Place,
];
