/** Figures as text for people. */

import { stripVTControlCharacters } from "node:util";

const COUNTS = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return COUNTS.format(Math.round(value));
}

/** A rate with two or three significant figures. */
export function rate(perS: number): string {
  if (perS >= 10 || perS === 0) return `${count(perS)}/s`;
  return perS >= 0.1 ? `${perS.toFixed(1)}/s` : `${(perS * 60).toFixed(1)}/min`;
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let rest = value;
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return `${rest >= 100 || unit === 0 ? Math.round(rest) : rest.toFixed(1)} ${units[unit]}`;
}

/** Two units at most: `0.4ms`, `31s`, `4m12s`, `2h05m`, `3d4h`. */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)}ms`;
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}

export function percent(part: number, whole: number): string {
  // Rounded down, so that 100 % is shown only when all is done.
  return whole === 0 ? "100%" : `${Math.floor((part / whole) * 100)}%`;
}

/** A bar of `width` characters. */
export function bar(part: number, whole: number, width: number): string {
  const filled = whole === 0 ? width : Math.floor((Math.min(part, whole) / whole) * width);
  return "█".repeat(filled) + "░".repeat(width - filled);
}

/** Makes text that others wrote safe to print in a line: it must not move the cursor or clear the screen. */
export function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ");
}

/** Cuts a path or message to `width` characters. */
export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
