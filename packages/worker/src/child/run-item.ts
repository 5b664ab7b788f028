/** The one place where user code is called. What it did comes back as data; nothing is ever thrown from here. */

import { encode, encodeThrown } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/internal";

import type { TaskFunction } from "./task-module.ts";

/** What one call came to. */
export type Ran =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly thrown: unknown };

/** Calls the function with one argument tuple and waits for its result. */
export async function runItem(fn: TaskFunction, args: readonly unknown[]): Promise<Ran> {
  try {
    return { ok: true, value: await fn(...args) };
  } catch (thrown) {
    return { ok: false, thrown };
  }
}

/** Writes down what the items of a run came to. Never throws: a result that can't be sent is that item's error. */
export function outcomeText(
  ran: readonly Ran[],
  info: (offset: number) => RemoteInfo,
): { text: OutcomeText; failed: number } {
  if (ran.every((item) => item.ok)) {
    try {
      return {
        text: `=${encode(
          ran.map((item) => item.value),
          { role: "result" },
        )}`,
        failed: 0,
      };
    } catch {
      // At least one result can't be sent. Encoding them one by one below finds out which.
    }
  }
  let failed = 0;
  const outcomes = ran.map((item, offset): ItemOutcome => {
    if (item.ok) {
      try {
        return { s: "ok", value: encode(item.value, { role: "result" }) };
      } catch (error) {
        failed++;
        return { s: "threw", thrown: encodeThrown(error), by: info(offset) };
      }
    }
    failed++;
    return { s: "threw", thrown: encodeThrown(item.thrown), by: info(offset) };
  });
  return { text: `!${JSON.stringify(outcomes)}`, failed };
}
