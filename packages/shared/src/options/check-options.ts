/** Checks of options: each says what was expected and what came. */

import { InvalidOptionError } from "../errors/call-errors.ts";
import { nearest } from "../errors/nearest.ts";
import { inspectBriefly } from "../errors/inspect-briefly.ts";
import { MAX_TIMER_MS } from "../host/settles-within.ts";

/** What other pools and queues call an option, and what it may be here, where that is not the nearest name anyway. */
const NAMES_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  retries: ["attempts"],
  maxRetries: ["attempts"],
  retry: ["attempts"],
  retryDelay: ["backoff"],
  timeout: ["taskTimeoutMs"],
  timeoutMs: ["taskTimeoutMs"],
  jobId: ["mapId"],
  batchSize: ["chunksize"],
  highWaterMark: ["buffersize"],
  stopOnError: ["failFast"],
  workers: ["processes", "threads"],
  numWorkers: ["processes", "threads"],
  maxWorkers: ["processes", "threads"],
  maxThreads: ["threads"],
  filename: ["tasks", "module"],
  maxTasksPerWorker: ["maxTasksPerChild", "maxTasksPerThread"],
  maxtasksperchild: ["maxTasksPerThread"],
  redis: ["connection"],
  url: ["connection"],
  redisUrl: ["connection"],
  queueName: ["queue"],
};

/** Reads the checked values of one options object. */
export interface OptionCheck {
  integer(name: string, fallback: number, range: { min: number; max?: number }): number;
  /** A time that a timer can wait. */
  milliseconds(name: string, fallback: number, range: { min: number }): number;
  /** Gives false if the option is not given. */
  boolean(name: string): boolean;
  /** Checks that the option is a function, if it is given. */
  function(name: string): void;
}

/**
 * Refuses options that are not an object, or that have a name which is not in `known`; the error suggests the known name
 * that was probably meant.
 *
 * @throws InvalidOptionError
 */
export function checkOptions(options: object, what: string, known: readonly string[]): OptionCheck {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InvalidOptionError(`Expected the ${what} to be an object, got ${inspectBriefly(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const elsewhere = Object.hasOwn(NAMES_ELSEWHERE, name) ? NAMES_ELSEWHERE[name] : undefined;
    const meant = elsewhere?.find((own) => known.includes(own)) ?? nearest(name, known);
    throw new InvalidOptionError(
      `Unknown option \`${name}\` in the ${what}. ` +
        (meant === undefined ? `Known: ${known.join(", ")}` : `Did you mean \`${meant}\`?`),
    );
  }
  const values = options as Readonly<Record<string, unknown>>;
  return {
    integer: (name, fallback, range) => checkInteger(name, given(values[name], fallback), range),
    milliseconds: (name, fallback, range) => checkMilliseconds(name, given(values[name], fallback), range),
    boolean: (name) => {
      const value = given(values[name], false);
      if (typeof value === "boolean") return value;
      throw new InvalidOptionError(`Expected \`${name}\` to be true or false, got ${inspectBriefly(value)}`);
    },
    function: (name) => {
      if (values[name] === undefined || typeof values[name] === "function") return;
      throw new InvalidOptionError(
        `Expected \`${name}\` to be a function, got ${inspectBriefly(values[name])}`,
      );
    },
  };
}

/** What an option says, or its default. `null` is no way to leave an option out: most options that are `null` are a mistake. */
export function given(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

/** Gives `value` if it is an integer in the range. @throws InvalidOptionError */
export function checkInteger(
  name: string,
  value: unknown,
  range: { min: number; max?: number },
  or = "",
): number {
  const max = range.max ?? Number.MAX_SAFE_INTEGER;
  if (typeof value === "number" && Number.isInteger(value) && value >= range.min && value <= max)
    return value;
  const span = range.max === undefined ? `≥ ${range.min}` : `from ${range.min} to ${range.max}`;
  throw new InvalidOptionError(
    `Expected \`${name}\` to be an integer ${span}${or}, got ${inspectBriefly(value)}`,
  );
}

/** The least urgent: what BullMQ takes at most. */
export const MAX_PRIORITY: number = 2 ** 21;

/** Gives `value` if it is a valid priority of a map. @throws InvalidOptionError */
export function checkPriority(value: unknown): number {
  return checkInteger("priority", value, { min: 1, max: MAX_PRIORITY });
}

/** Gives `value` if it is a time in ms that a timer can wait. @throws InvalidOptionError */
export function checkMilliseconds(name: string, value: unknown, range: { min: number }): number {
  const ms = checkInteger(name, value, range);
  if (ms <= MAX_TIMER_MS) return ms;
  throw new InvalidOptionError(
    `Expected \`${name}\` to be at most ${MAX_TIMER_MS} (24.8 days, in ms: the longest that a timer waits), got ${ms}`,
  );
}

/**
 * Gives `value` if it can be part of a key: 1 to 100 letters, digits, `_`, `.` or `-`. Braces and colons would change
 * which keys and which Cluster slot a queue has.
 *
 * @throws InvalidOptionError
 */
export function checkQueueName(name: string, value: unknown): string {
  if (typeof value === "string" && /^[\w.-]{1,100}$/.test(value)) return value;
  throw new InvalidOptionError(
    `Expected \`${name}\` to be 1 to 100 letters, digits, "_", "." or "-", got ${inspectBriefly(value)}`,
  );
}

/** Gives a version of the tasks' code: a release, a commit, the tag of an image. @throws InvalidOptionError */
export function checkCodeVersion(value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && /^[\w.+:@/-]{1,100}$/.test(value))) return value;
  throw new InvalidOptionError(
    `Expected \`codeVersion\` to be 1 to 100 letters, digits, or of "_.+:@/-", got ${inspectBriefly(value)}`,
  );
}

/** Gives `value` if it is undefined or has what poolmq calls on a pino logger. @throws InvalidOptionError */
export function checkLogger<L>(name: string, value: L): L {
  if (value === undefined) return value;
  const methods = Object(value) as Readonly<Record<string, unknown>>;
  const missing = ["debug", "info", "warn", "error", "child"].find(
    (method) => typeof methods[method] !== "function",
  );
  if (missing === undefined) return value;
  throw new InvalidOptionError(
    `Expected \`${name}\` to be a pino logger, got ${inspectBriefly(value)}, which has no ${missing}()`,
  );
}

/** Gives `value` if it holds environment variables: texts by name. @throws InvalidOptionError */
export function checkEnvironment(
  name: string,
  value: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidOptionError(
      `Expected \`${name}\` to be an object of environment variables, got ${inspectBriefly(value)}`,
    );
  }
  const wrong = Object.entries(value).find(([, text]) => typeof text !== "string");
  if (wrong === undefined) return value;
  throw new InvalidOptionError(
    `Expected \`${name}.${wrong[0]}\` to be a string, got ${inspectBriefly(wrong[1])}`,
  );
}
