/** The one place where user code is called. What it did comes back as data; nothing is ever thrown from here. */

import { encode, encodeThrown } from "@poolmq/shared/task";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/task";

import { taskOptionsOf } from "../define-task.ts";
import { runInContext } from "../task-context.ts";
import type { TaskContext } from "../task-context.ts";
import type { TaskFunction } from "./task-module.ts";
import { noFrames, userFrames } from "./user-frames.ts";

/** What one call came to. */
export type Ran =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly thrown: unknown;
      /** Another attempt may mend it. */
      readonly retriable: boolean;
    };

/** Calls the function with one argument tuple and waits for its result. */
export async function runItem(
  fn: TaskFunction,
  args: readonly unknown[],
  context: TaskContext,
): Promise<Ran> {
  try {
    return { ok: true, value: await runInContext(context, () => fn(...args)) };
  } catch (thrown) {
    return { ok: false, thrown, retriable: isRetriable(fn, thrown) };
  }
}

/** The definition's own word on whether to try again. A predicate that throws is no reason not to. */
function isRetriable(fn: TaskFunction, thrown: unknown): boolean {
  try {
    return taskOptionsOf(fn).retryIf?.(thrown) ?? true;
  } catch {
    return true;
  }
}

/** Writes down what the items of a run came to. Never throws: a result that can't be sent is that item's error. */
export function outcomesOf(
  ran: readonly Ran[],
  info: (offset: number) => RemoteInfo,
): { readonly text: OutcomeText; readonly retriable: number } {
  if (ran.every((item) => item.ok)) {
    try {
      const values = ran.map((item) => item.value);
      return { text: `=${encode(values, { role: "result" })}`, retriable: 0 };
    } catch {
      // At least one result can't be sent. Encoding them one by one below finds out which.
    }
  }
  const outcomes = ran.map((item, offset) => outcomeOf(item, info(offset)));
  const retriable = outcomes.filter((outcome) => outcome.s === "threw" && outcome.final !== true).length;
  return { text: `!${JSON.stringify(outcomes)}`, retriable };
}

/** Writes down what one item came to. Never throws. */
export function outcomeOf(item: Ran, by: RemoteInfo): ItemOutcome {
  if (!item.ok) {
    const thrown = encodeThrown(item.thrown, { trimStack: userFrames });
    return item.retriable ? { s: "threw", thrown, by } : { s: "threw", thrown, by, final: true };
  }
  try {
    return { s: "ok", value: encode(item.value, { role: "result" }) };
  } catch (error) {
    // Trying again would give the same value.
    return { s: "threw", thrown: encodeThrown(error, { trimStack: noFrames }), by, final: true };
  }
}
