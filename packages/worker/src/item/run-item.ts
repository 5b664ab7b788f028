/**
 * The one place where user code is called (and `batch/batch.ts`, for tasks that take many items at once). What it did comes
 * back as data; nothing is ever thrown from here.
 *
 * Each item is called in an async context of its own, so that all that it starts knows whose it is. Entering one takes
 * several times as long as a tiny function. So the items of a chunk take turns in one as long as they are over when they
 * return: each must have left nothing behind, no promise and no timer, before the next one has its turn.
 */

import { taskOptionsOf } from "../task/define-task.ts";
import { runInContext } from "../task/task-context.ts";
import type { Turn } from "../task/task-context.ts";
import type { ItemArguments } from "./item-arguments.ts";
import type { ItemClaims } from "./item-claims.ts";
import { inItemSpan } from "./item-span.ts";
import type { SpanFacts } from "./item-span.ts";
import { watchingLeftovers } from "./leftovers.ts";
import type { Ran, RanItems } from "./ran-items.ts";
import type { TaskFunction } from "../tasks-module/task-module.ts";

// Taken hold of before any task is loaded: a task may put something else in its place.
const NativePromise = Promise;

/** Functions whose last call returned no promise. */
const synchronous = new WeakSet<TaskFunction>();

/**
 * Calls the function with one argument tuple, in the async context of that turn, and in a span of its own if it is given
 * one. Gives a promise only if the function's result is to be waited for.
 */
export function runItem(
  fn: TaskFunction,
  args: readonly unknown[],
  turn: Turn,
  span: SpanFacts | undefined,
): Ran | Promise<Ran> {
  try {
    const call = (): unknown =>
      runInContext(turn, () => {
        const value = fn(...args);
        if (value instanceof NativePromise) synchronous.delete(fn);
        else synchronous.add(fn);
        return value;
      });
    const value = span === undefined ? call() : inItemSpan(span, turn.context, call);
    const pending = pendingOf(value);
    return pending === undefined ? { ok: true, value } : settle(fn, pending);
  } catch (thrown) {
    return { ok: false, thrown, retriable: isRetriable(fn, thrown) };
  }
}

/** How far a row of calls came: calls of consecutive items, which stops where one has to be waited for. */
export interface RowEnd {
  /** Offset of the item after the last one that was called. */
  readonly next: number;
  /** What the last one returned is to be waited for: it has not ended. */
  readonly pending?: PromiseLike<unknown>;
}

/** Whether it is worth to let the function's items take turns: it seems to have ended when it returns. */
export function mayTakeTurns(fn: TaskFunction): boolean {
  return synchronous.has(fn);
}

/**
 * Calls the function with the items from offset `from` on, one after the other, at once: up to the end, to those that
 * were given to others, or to the first one that leaves something behind or returns a promise. Their contexts are those that `turn` passes through.
 *
 * @param at - index of the item at offset 0
 */
export function runRow(
  fn: TaskFunction,
  {
    items,
    claims,
    from,
    at,
  }: {
    readonly items: ItemArguments;
    readonly claims: ItemClaims;
    readonly from: number;
    readonly at: number;
  },
  turn: Turn,
  ran: RanItems,
): RowEnd {
  const { singles, count } = items;
  return watchingLeftovers((leftovers) =>
    runInContext(turn, () => {
      const before = leftovers();
      let offset = from;
      for (; offset < count; offset++) {
        if (offset >= claims.limit && !claims.has(offset)) break;
        turn.pass(at + offset);
        let pending: PromiseLike<unknown> | undefined;
        try {
          const value = singles === undefined ? fn(...items.of(offset)) : fn(singles[offset]);
          pending = pendingOf(value);
          if (pending === undefined) ran.returned(value);
        } catch (thrown) {
          ran.add(offset, { ok: false, thrown, retriable: isRetriable(fn, thrown) });
        }
        if (pending !== undefined) {
          synchronous.delete(fn);
          return { next: offset + 1, pending };
        }
        // The item keeps the context, because of what it has left behind.
        if (leftovers() !== before) return { next: offset + 1 };
      }
      turn.pass(undefined);
      return { next: offset };
    }),
  );
}

/** Waits for what a function returned. */
export async function settle(fn: TaskFunction, pending: PromiseLike<unknown>): Promise<Ran> {
  try {
    return { ok: true, value: await pending };
  } catch (thrown) {
    return { ok: false, thrown, retriable: isRetriable(fn, thrown) };
  }
}

/** What `await` would wait for. Reads `then` once, as `await` does, and gives it to be called when that would call it. */
export function pendingOf(value: unknown): PromiseLike<unknown> | undefined {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
  if (value instanceof NativePromise) return value;
  const { then } = value as { readonly then?: unknown };
  if (typeof then !== "function") return undefined;
  return { then: (...settlers: unknown[]) => Reflect.apply(then, value, settlers) as never };
}

/** The definition's own word on whether to try again. A predicate that throws is no reason not to. */
export function isRetriable(fn: TaskFunction, thrown: unknown): boolean {
  try {
    return taskOptionsOf(fn).retryIf?.(thrown) ?? true;
  } catch {
    return true;
  }
}
