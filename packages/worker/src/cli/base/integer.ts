import { InvalidArgumentError } from "commander";

import { MAX_TIMER_MS } from "@poolmq/shared/internal";

/** Reads an integer flag. Its range is checked with the other options. */
export function integer(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected an integer.");
}

/** Reads the index of an item. */
export function natural(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected an integer from 0 on.");
}

/** Reads a process id. */
export function processId(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a process id, a number: `poolmq workers` shows it.");
}

/** Reads a port; 0 stands for a free one. */
export function port(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("Expected an integer from 0 to 65535.");
}

/** Reads a time in ms that a timer can wait. With a longer one, a timer would fire at once. */
export function milliseconds(text: string): number {
  const ms = integer(text);
  if (ms >= 0 && ms <= MAX_TIMER_MS) return ms;
  throw new InvalidArgumentError(`Expected an integer from 0 to ${MAX_TIMER_MS}.`);
}
