/**
 * The tasks of the soak. Each result names its map and item, so that a result in a wrong place is noticed. The tasks use
 * no globals, because evil tasks patch these.
 */

import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";

import { defineBatchTask, taskContext } from "@poolmq/worker";

import { EVIL } from "./evil.ts";
import type { EvilDeed } from "./evil.ts";

export interface Item {
  /** A text that is unique to the map. */
  readonly tag: string;
  readonly x: number;
  readonly ms: number;
  readonly how:
    | "waits"
    | "spins"
    | "throws"
    | "throws at first"
    | "lags"
    | "never ends"
    | "is large"
    | EvilDeed;
}

/** The result of `run` for an item, if it has one. */
export function resultOf({ tag, x, how }: Pick<Item, "tag" | "x" | "how">): string {
  const text = `${tag}:${x * 2}`;
  return how === "is large" ? text.padEnd(LARGE_CHARS, "#") : text;
}

const LARGE_CHARS = 60_000;

/** Far longer than other items take, in ms, so that it gets a backup, or its chunk is cut. */
const LAG_MS = 1_000;

export async function run(item: Item): Promise<string> {
  const { x, ms, how } = item;
  switch (how) {
    case "waits":
    case "is large":
      if (ms > 0) await delay(ms);
      break;
    case "spins":
      for (const end = performance.now() + ms; performance.now() < end;);
      break;
    case "throws":
      throw new RangeError(`item ${x}`);
    case "throws at first":
      if (taskContext().attempt === 1) throw new RangeError(`item ${x}`);
      break;
    case "lags":
      await delay(LAG_MS);
      break;
    case "never ends":
      // Waits without blocking the process, because the time limits of the other items there go on.
      await delay(1_000_000);
      break;
    default:
      await EVIL[how].does();
  }
  return resultOf(item);
}

/** As `run`, with an argument tuple. */
export function runPair(tag: string, x: number): string {
  return resultOf({ tag, x, how: "waits" });
}

/** As `run`, with a shared value that holds the tag. */
export function runShared(shared: { readonly tag: string }, x: number): string {
  return resultOf({ tag: shared.tag, x, how: "waits" });
}

/** As `run`, with bytes that are large enough to travel beside the text. */
export function runBytes(tag: string, x: number, bytes: Uint8Array): string {
  const isWhole = bytes.every((byte) => byte === x % 256);
  return resultOf({ tag, x: isWhole ? x : Number.NaN, how: "waits" });
}

/** For folds: gives a list with one result. */
export function runListed(item: Item): string[] {
  return [resultOf(item)];
}

/** Folds such lists, in order. */
export function joined(before: string[], after: string[]): string[] {
  return [...before, ...after];
}

/** Many items at once, each with its own result or error. */
export const runBatch = defineBatchTask(
  (items: Item[]) =>
    items.map((item) => (item.how === "throws" ? new RangeError(`item ${item.x}`) : resultOf(item))),
  { maxItems: 16, maxWaitMs: 5 },
);
