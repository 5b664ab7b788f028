/**
 * Items that are given to the function of a batch task in one call. They may belong to several runs, and to several maps;
 * each run is told only of its own items.
 *
 * States:
 * - `open`: takes more items. Leaves to `running` when it is full, when it has waited long enough, or when something else
 *   waits behind it.
 * - `running`: the function is called; if it throws, and its definition says so, it is called for each half of the items.
 *   Leaves to `ended`.
 * - `ended`: each of its items has its outcome, or belongs to a run that was stopped.
 */

import { performance } from "node:perf_hooks";

import type { Logger } from "pino";

import { BatchResultError } from "@poolmq/shared/task";

import type { Ran } from "../item/ran-items.ts";
import { isRetriable } from "../item/run-item.ts";
import { RunStop } from "../item/run-stop.ts";
import { resultsOf } from "../task/batch-function.ts";
import type { BatchContext, BatchDefinition } from "../task/batch-function.ts";
import { runInContext } from "../task/task-context.ts";
import type { TaskContext } from "../task/task-context.ts";
import type { TaskFunction } from "../tasks-module/task-module.ts";
import { byHalves } from "./by-halves.ts";

/** One of the places of a child. Each place calls one function at a time. */
export interface Place {
  /** Number of runs that share the place: several if their items are in one batch. */
  runs: number;
}

/** A run with items in a batch. */
export interface Rider {
  /** The function is about to be called. @param alone - with this one item of the run and no other */
  calling(alone: Seat | undefined): void;
}

/** An item in a batch. */
export interface Seat {
  readonly rider: Rider;
  readonly offset: number;
  readonly item: unknown;
  readonly context: TaskContext;
  /** Called at most once, and not at all if its run was stopped before. */
  settle(ran: Ran): void;
}

export interface BatchOptions {
  readonly fn: TaskFunction;
  readonly definition: BatchDefinition;
  readonly place: Place;
  /** Gives a logger for a batch of this task. */
  readonly log: () => Logger;
  /** Sends what is buffered, because the function may take the process down. */
  readonly flush: () => void;
}

export class Batch {
  readonly #options: BatchOptions;
  readonly #seats: Seat[] = [];
  /** The seats that have no outcome yet and whose runs were not stopped. */
  readonly #wanted = new Set<Seat>();
  readonly #stop = new RunStop();
  #state: "open" | "running" | "ended" = "open";
  #startedAt = 0;

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  get fn(): TaskFunction {
    return this.#options.fn;
  }

  get place(): Place {
    return this.#options.place;
  }

  /** How many more items it takes. */
  get room(): number {
    return this.#state === "open" ? this.#options.definition.maxItems - this.#seats.length : 0;
  }

  get size(): number {
    return this.#seats.length;
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** How long it has been running, in ms. */
  get ms(): number {
    return this.#state === "open" ? 0 : performance.now() - this.#startedAt;
  }

  add(seats: readonly Seat[]): void {
    for (const seat of seats) {
      this.#seats.push(seat);
      this.#wanted.add(seat);
    }
  }

  /**
   * Removes a run that was stopped. Gives whether it may end at once, because the function has not been called, or
   * continues for other runs. If the function runs for this run only, it is told to stop, and the run ends with it.
   */
  leave(rider: Rider, reason: string): boolean {
    const own = [...this.#wanted].filter((seat) => seat.rider === rider);
    if (this.#state === "running" && own.length === this.#wanted.size) {
      this.#stop.stop(reason);
      return false;
    }
    for (const seat of own) this.#wanted.delete(seat);
    return true;
  }

  /** Calls the function. Never rejects. */
  async run(): Promise<void> {
    this.#state = "running";
    this.#startedAt = performance.now();
    await byHalves(this.#seats, (part) => this.#call(part));
    this.#state = "ended";
  }

  /** Gives whether the function threw and is to be called with halves of these items. */
  async #call(part: readonly Seat[]): Promise<boolean> {
    const seats = part.filter((seat) => this.#wanted.has(seat));
    if (seats.length === 0) return false;
    const [first] = seats;
    const alone = seats.length === 1 ? first : undefined;
    // Runs whose items come later in these halves are told as well, because the time limit applies to each call.
    const riders = new Set([...this.#wanted].map(({ rider }) => rider));
    for (const rider of riders) rider.calling(rider === alone?.rider ? alone : undefined);
    this.#options.flush();
    const { fn, definition } = this.#options;
    try {
      const returned = await runInContext({ context: alone?.context, batch: this }, () =>
        definition.fn(
          seats.map(({ item }) => item),
          this.#contextOf(seats),
        ),
      );
      const results = resultsOf(returned, seats.length);
      for (const [i, seat] of seats.entries()) this.#settle(seat, ranOf(fn, results[i]));
      return false;
    } catch (thrown) {
      const mayHalve =
        definition.splitOnError && !this.#stop.isStopped && !(thrown instanceof BatchResultError);
      if (mayHalve && seats.length > 1) return true;
      const failed: Ran = { ok: false, thrown, retriable: isRetriable(fn, thrown) };
      for (const seat of seats) this.#settle(seat, failed);
      return false;
    }
  }

  #settle(seat: Seat, ran: Ran): void {
    if (this.#wanted.delete(seat)) seat.settle(ran);
  }

  #contextOf(seats: readonly Seat[]): BatchContext {
    const stop = this.#stop;
    const { log } = this.#options;
    let items: readonly TaskContext[] | undefined;
    return {
      get signal() {
        return stop.signal;
      },
      get log() {
        return log();
      },
      get items() {
        return (items ??= seats.map(({ context }) => context));
      },
    };
  }
}

function ranOf(fn: TaskFunction, result: unknown): Ran {
  if (!(result instanceof Error)) return { ok: true, value: result };
  return { ok: false, thrown: result, retriable: isRetriable(fn, result) };
}
