/** Options of a pool and of a call: documented, with defaults, checked in one place. */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";
import type { ConnectionOption } from "@poolmq/shared";
import {
  availableCores,
  checkEnvironment,
  checkInteger,
  checkLogger,
  checkOptions,
  checkQueueName,
  resolveConnection,
  resolveSigningKeys,
  short,
} from "@poolmq/shared/internal";
import type { ResolvedConnection, SigningKeys } from "@poolmq/shared/internal";

import { CALL_DEFAULTS, checkCallDefaults } from "./call-options.ts";
import type { CallDefaults, CheckedCallDefaults } from "./call-options.ts";
import { checkTelemetry } from "./telemetry-options.ts";
import type { ResolvedTelemetry, TelemetryOptions } from "./telemetry-options.ts";

/** Options of a worker machine of the pool's own, in local mode. */
export interface LocalOptions {
  /**
   * Worker processes to start on this machine, at least 1; they end with the pool. Needs `tasks` as a path or URL.
   * @defaultValue one per available core if `tasks` is a path or URL and no Redis is configured, else none
   */
  readonly processes?: number | undefined;
  /** Items that one process runs at a time. @defaultValue 1 */
  readonly concurrency?: number | undefined;
  /** After how many lost processes an item is given up with a `WorkerLostError`. @defaultValue 3 */
  readonly workerLossAttempts?: number | undefined;
  /** Items that a process runs before it is replaced, against leaks; 0 for no limit. @defaultValue 0 */
  readonly maxTasksPerChild?: number | undefined;
  /**
   * Memory (resident set) above which a process is replaced between items, in MiB; above 1.5 times as much it is killed,
   * and its item is charged with the loss; 0 for no limit. The hard limit needs Linux. @defaultValue 0
   */
  readonly maxMemoryPerChildMb?: number | undefined;
  /**
   * Largest result or error of an item, in bytes of its encoded form; what is larger is that item's `LimitError`, and an
   * error is cut down. @defaultValue 8388608 (8 MiB)
   */
  readonly maxOutcomeBytes?: number | undefined;
  /** How long a process may take to import the tasks module and run its `initializer`, in ms. @defaultValue 60000 */
  readonly startTimeoutMs?: number | undefined;
  /** Environment variables for the tasks, beside the harmless ones that every process gets. @defaultValue none */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Options of a pool.
 *
 * @typeParam T - type of the tasks module: `new Pool<typeof tasks>(…)`
 */
export interface PoolOptions<T> extends CallDefaults, LocalOptions {
  /**
   * The tasks module: its path (from the working directory) or `file:` URL, which local mode needs, or the imported
   * module itself. A producer of a fleet needs none: the type argument is enough.
   */
  readonly tasks?: URL | string | T | undefined;
  /**
   * Redis: a URL (`redis://`, `rediss://`, `unix:///path`), ioredis options, a Cluster or Sentinel.
   * @defaultValue `POOLMQ_REDIS_URL`, else `REDIS_URL` of the environment, else, in local mode, an embedded Redis
   */
  readonly connection?: ConnectionOption | undefined;
  /** Name of the queue. @defaultValue `"default"`; in local mode one of the pool's own */
  readonly queue?: string | undefined;
  /** First part of every key in Redis. @defaultValue `"poolmq"` */
  readonly prefix?: string | undefined;
  /** How many jobs of a map may be in Redis at a time, at least 1: it bounds the memory of Redis. @defaultValue 5000 */
  readonly window?: number | undefined;
  /**
   * Largest arguments of a job, in bytes of their encoded form. A chunk that has more is sent as several jobs; an item
   * that alone has more fails with a `LimitError`. @defaultValue 8388608 (8 MiB)
   */
  readonly maxPayloadBytes?: number | undefined;
  /** Largest value that `share()` takes, in bytes of its encoded form. @defaultValue 268435456 (256 MiB) */
  readonly maxShareBytes?: number | undefined;
  /** How long to try to reach Redis at the start, in ms. @defaultValue 10000 */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * What OpenTelemetry is told, where this process has set it up: a span for each map, a span for each item, and metrics.
   * `false` for nothing. @defaultValue true
   */
  readonly telemetry?: boolean | TelemetryOptions | undefined;
  /**
   * Signs what is sent to the workers with this secret of 32 bytes or more, and believes only what is signed with it: for
   * a Redis that others can write to. The workers need the same one. A list to change it without a stop: the first
   * signs, all are accepted. @defaultValue `POOLMQ_SIGNING_KEY` of the environment (one key a line), else none
   */
  readonly signingKey?: string | readonly string[] | undefined;
  /**
   * How long what is signed may be used, in ms, at least 1000: a job that waits longer is signed and sent again while
   * its pool lives. Must be longer than clocks may differ. @defaultValue 604800000 (7 days)
   */
  readonly signatureTtlMs?: number | undefined;
  /** Where to log; warnings that matter go to `process.emitWarning` without one. @defaultValue none */
  readonly logger?: Logger | undefined;
}

/** `PoolOptions`, checked and complete. */
export interface ResolvedPoolOptions {
  /** Path of the tasks module, if it was given as one. */
  readonly modulePath: string | undefined;
  /** The tasks module itself, if it was given. */
  readonly module: object | undefined;
  /** Undefined: an embedded Redis. */
  readonly connection: ResolvedConnection | undefined;
  readonly queue: string | undefined;
  readonly prefix: string;
  readonly defaults: CheckedCallDefaults;
  readonly window: number;
  readonly maxPayloadBytes: number;
  readonly maxShareBytes: number;
  readonly connectTimeoutMs: number;
  readonly telemetry: ResolvedTelemetry | undefined;
  readonly signingKeys: SigningKeys | undefined;
  readonly signatureTtlMs: number;
  readonly logger: Logger | undefined;
  /** Undefined: no worker machine of the pool's own. */
  readonly local: (LocalOptions & { readonly module: string; readonly processes: number }) | undefined;
}

const LOCAL_OPTIONS = [
  "processes",
  "concurrency",
  "workerLossAttempts",
  "maxOutcomeBytes",
  "startTimeoutMs",
  "maxTasksPerChild",
  "maxMemoryPerChildMb",
  "env",
] as const satisfies readonly (keyof LocalOptions)[];

const POOL_OPTIONS: readonly (keyof PoolOptions<unknown>)[] = [
  "tasks",
  "connection",
  "queue",
  "prefix",
  "window",
  "maxPayloadBytes",
  "maxShareBytes",
  "connectTimeoutMs",
  "telemetry",
  "signingKey",
  "signatureTtlMs",
  "logger",
  ...CALL_DEFAULTS,
  ...LOCAL_OPTIONS,
];

const DEFAULTS = {
  prefix: "poolmq",
  // Keeps a hundred machines busy, and a million items out of Redis.
  window: 5_000,
  // An item that needs more than a few of these at a time is better off with a path or a shared value.
  maxPayloadBytes: 8 * 1024 * 1024,
  // Half of the longest string that Redis takes.
  maxShareBytes: 256 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  // Longer than jobs wait: one that expires is only sent again, behind the others.
  signatureTtlMs: 7 * 24 * 60 * 60_000,
} satisfies PoolOptions<unknown>;

/**
 * Checks a pool's options and fills in the defaults.
 *
 * @throws InvalidOptionError
 */
export function resolvePoolOptions<T>(
  options: PoolOptions<T>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedPoolOptions {
  const check = checkOptions(options, "pool options", POOL_OPTIONS);
  const tasks = readTasks(options.tasks);
  const connection = resolveConnection(options.connection, env);
  return {
    ...tasks,
    connection,
    queue: options.queue === undefined ? undefined : checkQueueName("queue", options.queue),
    prefix: checkQueueName("prefix", options.prefix ?? DEFAULTS.prefix),
    defaults: checkCallDefaults(options),
    window: check.integer("window", DEFAULTS.window, { min: 1 }),
    // BullMQ writes them as JSON once more, which may double them.
    maxPayloadBytes: check.integer("maxPayloadBytes", DEFAULTS.maxPayloadBytes, {
      min: 1,
      max: 128 * 1024 * 1024,
    }),
    maxShareBytes: check.integer("maxShareBytes", DEFAULTS.maxShareBytes, { min: 1, max: 512 * 1024 * 1024 }),
    connectTimeoutMs: check.integer("connectTimeoutMs", DEFAULTS.connectTimeoutMs, { min: 1 }),
    telemetry: checkTelemetry(options.telemetry),
    signingKeys: resolveSigningKeys(options.signingKey, env),
    signatureTtlMs: check.integer("signatureTtlMs", DEFAULTS.signatureTtlMs, { min: 1_000 }),
    logger: checkLogger("logger", options.logger),
    local: resolveLocal(options, tasks.modulePath, connection),
  };
}

function resolveLocal<T>(
  options: PoolOptions<T>,
  module: string | undefined,
  connection: ResolvedConnection | undefined,
): ResolvedPoolOptions["local"] {
  const { processes } = options;
  if (processes === undefined && connection !== undefined) {
    const stray = LOCAL_OPTIONS.find((name) => options[name] !== undefined);
    if (stray === undefined) return undefined;
    throw new InvalidOptionError(
      `\`${stray}\` is for local worker processes, of which this pool has none: give \`processes\` too, or set it where the workers run`,
    );
  }
  if (module === undefined) {
    const need =
      "Expected `tasks` to be the path or URL of the tasks module, which local worker processes load";
    throw new InvalidOptionError(
      processes === undefined
        ? "No Redis is configured: give `connection` or set REDIS_URL to reach a fleet, or give `tasks` (a path or URL) for worker processes on this machine"
        : `${need}, got ${options.tasks === undefined ? "undefined" : 'the module itself: write new URL("./tasks.ts", import.meta.url)'}`,
    );
  }
  return {
    module,
    processes: checkInteger("processes", processes ?? availableCores(), { min: 1, max: 1024 }),
    concurrency: checkInteger("concurrency", options.concurrency ?? 1, { min: 1, max: 10_000 }),
    workerLossAttempts: checkInteger("workerLossAttempts", options.workerLossAttempts ?? 3, { min: 1 }),
    ...(options.maxOutcomeBytes === undefined
      ? {}
      : {
          maxOutcomeBytes: checkInteger("maxOutcomeBytes", options.maxOutcomeBytes, {
            min: 1024,
            max: 128 * 1024 * 1024,
          }),
        }),
    startTimeoutMs: checkInteger("startTimeoutMs", options.startTimeoutMs ?? 60_000, { min: 100 }),
    maxTasksPerChild: checkInteger("maxTasksPerChild", options.maxTasksPerChild ?? 0, { min: 0 }),
    maxMemoryPerChildMb: checkInteger("maxMemoryPerChildMb", options.maxMemoryPerChildMb ?? 0, { min: 0 }),
    env: checkEnvironment("env", options.env ?? {}),
  };
}

/** Tells a module from where one lies. @throws InvalidOptionError */
export function readTasks(tasks: unknown): { modulePath: string | undefined; module: object | undefined } {
  if (tasks === undefined) return { modulePath: undefined, module: undefined };
  if (tasks instanceof URL || (typeof tasks === "string" && tasks.startsWith("file:"))) {
    const url = new URL(tasks);
    if (url.protocol === "file:") return { modulePath: fileURLToPath(url), module: undefined };
  } else if (typeof tasks === "string" && tasks !== "") {
    return { modulePath: resolve(tasks), module: undefined };
  } else if (typeof tasks === "object" && tasks !== null) {
    return { modulePath: undefined, module: tasks };
  }
  throw new InvalidOptionError(
    `Expected \`tasks\` to be a path, a file: URL or an imported module, got ${short(tasks)}`,
  );
}
