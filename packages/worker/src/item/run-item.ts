/**
 * The one place where user code is called (and `batch/batch.ts`, for tasks that take many items at once). What that code
 * returned or threw comes back as data; nothing is ever thrown from here.
 *
 * Each item is called in an async context of its own, by which everything that it starts is attributed to it. Entering a
 * context takes several times as long as a tiny function. So the items of a chunk share one context, one after the other,
 * as long as each is over when it returns: it must have left nothing behind, no promise and no timer.
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

// Kept from before any task is loaded, since a task may replace the global.
const NativePromise = Promise;

/** Functions whose last call returned no promise. */
const synchronous = new WeakSet<TaskFunction>();

/**
 * Calls the function with one argument tuple, in an async context of its own, and in a span if facts for one are given.
 * Gives a promise only if the function returned one.
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
    const pending = pendingOf(value, turn);
    return pending === undefined ? { ok: true, value } : settle(fn, pending);
  } catch (thrown) {
    return { ok: false, thrown, retriable: isRetriable(fn, thrown) };
  }
}

/** How far a row of calls of consecutive items came. It stops at the first call that returns a promise. */
export interface RowEnd {
  /** Offset of the item after the last one that was called. */
  readonly next: number;
  /** The promise that the last call returned, if it did: that item has not ended. */
  readonly pending?: PromiseLike<unknown>;
}

/** Whether the function's items may share a context: its last call was over when it returned. */
export function mayTakeTurns(fn: TaskFunction): boolean {
  return synchronous.has(fn);
}

/**
 * Calls the function with the items from offset `from` on, one after the other, synchronously. It stops at the end, at
 * items that were taken back, or after the first item that leaves something behind or returns a promise. Their contexts
 * are those that `turn` passes through.
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
          pending = pendingOf(value, turn);
          if (pending === undefined) ran.returned(value);
        } catch (thrown) {
          ran.add(offset, { ok: false, thrown, retriable: isRetriable(fn, thrown) });
        }
        if (pending !== undefined) {
          synchronous.delete(fn);
          return { next: offset + 1, pending };
        }
        // What the item has left behind keeps using the context, so the next item needs another.
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

/**
 * Gives the thenable that `await` would wait for, if the value is one. Reads `then` only once, as `await` does.
 *
 * @param turn - the context in which to call `then`. A query builder does all of its work there
 */
export function pendingOf(value: unknown, turn?: Turn): PromiseLike<unknown> | undefined {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return undefined;
  if (value instanceof NativePromise) return value;
  const { then } = value as { readonly then?: unknown };
  if (typeof then !== "function") return undefined;
  const call = (settlers: unknown[]): unknown => Reflect.apply(then, value, settlers);
  return {
    then: (...settlers: unknown[]) =>
      (turn === undefined ? call(settlers) : runInContext(turn, () => call(settlers))) as never,
  };
}

/** Whether the definition allows another attempt after this error. A predicate that throws counts as a yes. */
export function isRetriable(fn: TaskFunction, thrown: unknown): boolean {
  try {
    return taskOptionsOf(fn).retryIf?.(thrown) ?? true;
  } catch {
    return true;
  }
}
