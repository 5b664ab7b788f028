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

// Of the process, not of this copy of the package: a tasks module may bring its own copy.
const KEY: unique symbol = Symbol.for("poolmq.task.context") as never;
const holder = globalThis as { [KEY]?: AsyncLocalStorage<TaskContext> };
const storage: AsyncLocalStorage<TaskContext> = (holder[KEY] ??= new AsyncLocalStorage());

/**
 * Gives the context of the task that calls it, also from functions that it called or awaits.
 *
 * @throws InvalidStateError outside of a task
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
  const context = currentTaskContext();
  if (context !== undefined) return context;
  throw new InvalidStateError(
    "taskContext() was called outside of a task: it is there only while a worker runs one",
  );
}

/** Gives the context of the task that calls it; `undefined` outside of a task. */
export function currentTaskContext(): TaskContext | undefined {
  return storage.getStore();
}

/** Calls the function with a context. */
export function runInContext<V>(context: TaskContext, fn: () => V): V {
  return storage.run(context, fn);
}
