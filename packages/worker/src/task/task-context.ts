/** The context of a running task. */

import { AsyncLocalStorage } from "node:async_hooks";

import type { Logger } from "pino";

import { InvalidStateError } from "@poolmq/shared";

/** The item that a task is running. */
export interface TaskContext {
  /** Fires when the item is to stop, because it ran too long or its map was cancelled. */
  readonly signal: AbortSignal;
  /** A pino logger that names map, item and process. */
  readonly log: Logger;
  /** Id of the map. */
  readonly mapId: string;
  /** Index of the item in the map's input, from 0. */
  readonly index: number;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Reports progress to the producer, whose `onTaskProgress` gets the value. */
  progress(value: unknown): void;
}

/**
 * The item to which an async context belongs at present. Entering a context costs more than a tiny task, so items that
 * leave nothing behind share one, one after the other. The `TaskContext` is made on demand, because most tasks never ask
 * for it.
 */
export class Turn {
  readonly #contextOf: (index: number) => TaskContext;
  #index: number | undefined;
  #context: TaskContext | undefined;
  /** Its item has ended: what still runs in the context was left behind. */
  hasEnded = false;

  /** @param index - index of the item to which it belongs; absent: to none */
  constructor(contextOf: (index: number) => TaskContext, index?: number) {
    this.#contextOf = contextOf;
    this.#index = index;
  }

  /** Lets the context belong to this item from now on; without an index, to none. */
  pass(index: number | undefined): void {
    this.#index = index;
    this.#context = undefined;
  }

  get context(): TaskContext | undefined {
    if (this.#index === undefined) return undefined;
    return (this.#context ??= this.#contextOf(this.#index));
  }
}

// A global symbol, because a tasks module may bring another copy of this package.
const KEY: unique symbol = Symbol.for("poolmq.task.context") as never;
const holder = globalThis as { [KEY]?: AsyncLocalStorage<InTask> };
const storage: AsyncLocalStorage<InTask> = (holder[KEY] ??= new AsyncLocalStorage());

/** The async context in which code of a task runs. */
export interface InTask {
  /** Context of the item that the code runs for; absent in a batch, which is many items. */
  readonly context: TaskContext | undefined;
  /** The item has ended, and has left the code behind. */
  readonly hasEnded?: boolean;
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

/** Whether the calling code was left behind by a batch that has ended. */
export function isOfEndedBatch(): boolean {
  return storage.getStore()?.batch?.hasEnded === true;
}

/** Whether the calling code was left behind by an item, or a batch, that has ended. */
export function isLeftover(): boolean {
  return storage.getStore()?.hasEnded === true || isOfEndedBatch();
}

/** Calls the function in an async context of its own. What it calls and leaves behind belongs to the item of `turn`. */
export function runInContext<V>(turn: InTask, fn: () => V): V {
  return storage.run(turn, fn);
}
