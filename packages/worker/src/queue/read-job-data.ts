import { MAX_TIMER_MS, WIRE_VERSION } from "@poolmq/shared/internal";
import { MAP_TTL_MS } from "@poolmq/shared/redis";
import type { JobData, Limit, StoredJobData } from "@poolmq/shared/internal";

/** A year. Durable maps have a day. */
const MAX_TTL_MS = 365 * 24 * 60 * 60_000;

/** Gives the data if it has the shape of `JobData`, else a text that says what is wrong. */
export function readJobData(data: unknown): JobData | string {
  if (typeof data !== "object" || data === null) return "its data is not a JSON object";
  const fields = data as Partial<Record<keyof JobData, unknown>>;
  const { v, map, at, n = 1, args, bytes, timeoutMs, shares, codeVersion, kept, suspect, cut } = fields;
  // With a TTL that Redis refuses, the outcome would be published again and again.
  const ttlMs = isInteger(fields.ttlMs, 1, MAX_TTL_MS) ? fields.ttlMs : MAP_TTL_MS;
  if (!Number.isInteger(v)) return "it has no wire version";
  if (typeof map !== "string" || !/^[\w-]+$/.test(map)) return "it has no map id";
  if (!isInteger(at, 0, Number.MAX_SAFE_INTEGER)) return "it has no index";
  if (typeof args !== "string") return "it has no arguments";
  // Each tuple takes two characters at least; a forged count would exhaust the memory.
  if (!isInteger(n, 1, args.length)) return "it has no item count";
  if (v === WIRE_VERSION) {
    if (bytes !== undefined && !isInteger(bytes, 1, Number.MAX_SAFE_INTEGER))
      return "its bytes are no number";
    if (timeoutMs !== undefined && !isInteger(timeoutMs, 1, MAX_TIMER_MS)) return "its time limit is none";
    if (shares !== undefined && !isListOfPairs(shares)) return "its shared values are not a list";
    if (codeVersion !== undefined && typeof codeVersion !== "string") return "its code version is no text";
    if (fields.limit !== undefined && !isLimit(fields.limit)) return "its limit is none";
    if (kept !== undefined && !isListOfPairs(kept)) return "its outcomes are not a list";
    if (cut !== undefined && !isInteger(cut, 1, n)) return "its number of items is none";
    if (suspect !== undefined && (typeof suspect !== "object" || suspect === null))
      return "its suspect is none";
  }
  return { ...(data as StoredJobData), n, ttlMs };
}

function isLimit(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { key, concurrency, ratePerSecond } = value as Partial<Record<keyof Limit, unknown>>;
  const isRate = typeof ratePerSecond === "number" && ratePerSecond > 0;
  return (
    typeof key === "string" &&
    (concurrency === undefined || isInteger(concurrency, 1, 2 ** 31)) &&
    (ratePerSecond === undefined || isRate)
  );
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isListOfPairs(value: unknown): boolean {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && isInteger(pair[0], 0, 2 ** 32));
}
