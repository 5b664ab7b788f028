/** What a running task can learn of itself. */

import { AsyncLocalStorage } from "node:async_hooks";

import type { Logger } from "pino";

import { InvalidStateError } from "@poolmq/shared";

/** The item that a task is running. */
export interface TaskContext {
  /** Fires when the item is to stop: it ran too long, or its map was cancelled. */
  readonly signal: AbortSignal;
  /** A pino logger that names map, item and process. */
  readonly log: Logger;
  /** Id of the map. */
  readonly mapId: string;
  /** Index of the item in the map's input, from 0. */
  readonly index: number;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Tells the producer how far the item is: its `onTaskProgress` gets the value. */
  progress(value: unknown): void;
}

/**
 * Whose turn it is in an async context: entering one costs more than a tiny task, so items that leave nothing behind
 * take turns in one. The context is made when it is asked for, which most tasks never do.
 */
export class Turn {
  readonly #contextOf: (index: number) => TaskContext;
  #index: number | undefined;
  #context: TaskContext | undefined;

  /** @param index - of the item whose turn it is; nobody's without it */
  constructor(contextOf: (index: number) => TaskContext, index?: number) {
    this.#contextOf = contextOf;
    this.#index = index;
  }

  /** From now on it is this item's turn; without an index, no item's. */
  pass(index: number | undefined): void {
    this.#index = index;
    this.#context = undefined;
  }

  get context(): TaskContext | undefined {
    if (this.#index === undefined) return undefined;
    return (this.#context ??= this.#contextOf(this.#index));
  }
}

// Of the process, not of this copy of the package: a tasks module may bring its own copy.
const KEY: unique symbol = Symbol.for("poolmq.task.context") as never;
const holder = globalThis as { [KEY]?: AsyncLocalStorage<InTask> };
const storage: AsyncLocalStorage<InTask> = (holder[KEY] ??= new AsyncLocalStorage());

/** Where code of a task runs. */
export interface InTask {
  /** Context of the item that the code runs for; absent in a batch, which is many items. */
  readonly context: TaskContext | undefined;
  /** The code is of a batch task's function, which gets the context of each item as an argument. */
  readonly batch?: { readonly hasEnded: boolean };
}

/**
 * Gives the context of the task that calls it, also from functions that it called or awaits.
 *
 * @throws InvalidStateError outside of a task, and in one of `defineBatchTask`
 * @example
 * ```ts
 * // download.ts
 * import { taskContext } from "@poolmq/worker";
 *
 * export async function download(url: string) {
 *   const { signal, log } = taskContext();
 *   log.info({ url }, "downloading");
 *   return await (await fetch(url, { signal })).bytes();
 * }
 * ```
 */
export function taskContext(): TaskContext {
  const { context, batch } = storage.getStore() ?? {};
  if (batch !== undefined) {
    throw new InvalidStateError(
      "taskContext() was called in a batch task, which runs many items at once: `items` of the function's second argument has the context of each",
    );
  }
  if (context !== undefined) return context;
  throw new InvalidStateError(
    "taskContext() was called outside of a task: it is there only while a worker runs one",
  );
}

/** Gives the context of the task that calls it; `undefined` outside of a task. */
export function currentTaskContext(): TaskContext | undefined {
  return storage.getStore()?.context;
}

/** Whether the code that calls it was left behind by a batch that has ended. */
export function isOfEndedBatch(): boolean {
  return storage.getStore()?.batch?.hasEnded === true;
}

/** Calls the function in an async context of its own: what it calls and leaves behind belongs to whose turn it is. */
export function runInContext<V>(turn: InTask, fn: () => V): V {
  return storage.run(turn, fn);
}
