/** The one place where user code is called. What it did comes back as data; nothing is ever thrown from here. */

import { taskOptionsOf } from "../define-task.ts";
import { runInContext } from "../task-context.ts";
import type { TaskContext } from "../task-context.ts";
import { inItemSpan } from "./item-span.ts";
import type { SpanFacts } from "./item-span.ts";
import type { TaskFunction } from "./task-module.ts";

/** What one call came to. */
export type Ran =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly thrown: unknown;
      /** Another attempt may mend it. */
      readonly retriable: boolean;
    };

/** Calls the function with one argument tuple and waits for its result; in a span of its own, if it is given one. */
export async function runItem(
  fn: TaskFunction,
  args: readonly unknown[],
  context: TaskContext,
  span: SpanFacts | undefined,
): Promise<Ran> {
  try {
    const call = (): unknown => runInContext(context, () => fn(...args));
    return { ok: true, value: await (span === undefined ? call() : inItemSpan(span, context, call)) };
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
