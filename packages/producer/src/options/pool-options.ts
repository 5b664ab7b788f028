/** Options of a pool and of a call: documented, with defaults, checked in one place. */

import type { Logger } from "pino";

import type { ConnectionsOption } from "@poolmq/shared";
import {
  checkLogger,
  checkOptions,
  checkQueueName,
  given,
  resolveSigningKeys,
  urlsOf,
} from "@poolmq/shared/internal";
import type { SigningKeys } from "@poolmq/shared/internal";

import { CALL_DEFAULTS, checkCallDefaults } from "./call-options.ts";
import type { CallDefaults, CheckedCallDefaults } from "./call-options.ts";
import { LOCAL_OPTIONS, resolveLocalOptions } from "./local-options.ts";
import type { LocalOptions, ResolvedLocalOptions } from "./local-options.ts";
import { readConnection } from "./read-connection.ts";
import type { QueuePlace } from "./read-connection.ts";
import { readTasks } from "./read-tasks.ts";
import { checkTelemetry } from "./telemetry-options.ts";
import type { ResolvedTelemetry, TelemetryOptions } from "./telemetry-options.ts";

/**
 * Options of a pool.
 *
 * @typeParam T - type of the tasks module: `new Pool<typeof tasks>(…)`. Without it, `tasks` is a path or URL, and the
 *   options fit every pool
 */
export interface PoolOptions<T = never> extends CallDefaults, LocalOptions {
  /**
   * The tasks module: its path (from the working directory) or `file:` URL, which local mode needs, or the imported
   * module itself. A pool whose workers run elsewhere needs none: the type argument is enough.
   */
  readonly tasks?: URL | string | (T extends PromiseLike<unknown> ? "await the import" : T) | undefined;
  /**
   * Where the queue is. In Redis: a URL (`redis://`, `rediss://`, `unix:///path`), ioredis options, a Cluster or
   * Sentinel. A list of URLs spreads the queue over these servers; workers need the same list. `"memory"`: in this
   * process, with worker processes of the pool's own and without Redis. `"embedded"`: in a private Redis that starts and
   * ends with the pool, to develop programs that need one.
   * @defaultValue `POOLMQ_REDIS_URL`, else `REDIS_URL` of the environment, else `"memory"`
   */
  readonly connection?: ConnectionsOption | undefined;
  /**
   * On a Redis Cluster: the number of queues over which the queue is spread, so that several nodes share the load, 1 to
   * 64. Workers need the same number. To use several servers, list them as `connection` instead. @defaultValue 1
   */
  readonly shards?: number | undefined;
  /** Name of the queue in Redis. @defaultValue `"default"`; with `processes` one of the pool's own */
  readonly queue?: string | undefined;
  /** First part of every key in Redis. @defaultValue `"poolmq"` */
  readonly prefix?: string | undefined;
  /**
   * The most jobs of a map that may be in the queue at a time, at least 1, which bounds the queue's memory. Usually there
   * are fewer: half a second of the fleet's work. @defaultValue 5000
   */
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
   * What is reported to OpenTelemetry, if this process has set it up: a span for each map, a span for each item, and
   * metrics. `false` for nothing. @defaultValue true
   */
  readonly telemetry?: boolean | TelemetryOptions | undefined;
  /**
   * Signs everything that is sent to the workers with this secret of 32 bytes or more, and accepts only outcomes that are
   * signed with it: for a Redis to which others can write. The workers need the same secret. With a list, the first signs
   * and all are accepted, so that the key can be changed without a stop. @defaultValue `POOLMQ_SIGNING_KEY` of the
   * environment (one key a line), else none
   */
  readonly signingKey?: string | readonly string[] | undefined;
  /**
   * How long a signature is valid, in ms, at least 1000. A job that waits longer is signed and sent again while its pool
   * lives. It must be longer than clocks may differ. @defaultValue 604800000 (7 days)
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
  readonly connection: QueuePlace;
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
  /** Undefined: no worker processes of the pool's own. */
  readonly local: ResolvedLocalOptions | undefined;
  /**
   * What to set so that `tasks`, given as a path or URL, starts processes here; undefined unless only a variable of the
   * environment keeps the pool from that, which the caller may know nothing of.
   */
  readonly localAdvice: string | undefined;
}

/** The options of a pool whose queue is in Redis. */
export interface RedisPoolOptions extends ResolvedPoolOptions {
  readonly connection: Exclude<QueuePlace, "memory">;
}

const POOL_OPTIONS: readonly (keyof PoolOptions<unknown>)[] = [
  "tasks",
  "connection",
  "shards",
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
  // Enough to keep a hundred machines busy, while most of a million items stay out of Redis.
  window: 5_000,
  // For larger arguments, a path or a shared value is better.
  maxPayloadBytes: 8 * 1024 * 1024,
  // Half of the longest string that Redis takes.
  maxShareBytes: 256 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  // Longer than jobs usually wait. A job whose signature expires is only sent again, behind the others.
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
  const connection = readConnection(options.connection, options.shards, env);
  const tasks = readTasks(options.tasks);
  const local = resolveLocalOptions(options, typeof connection === "object");
  return {
    ...tasks,
    connection,
    queue: options.queue === undefined ? undefined : checkQueueName("queue", options.queue),
    prefix: checkQueueName("prefix", given(options.prefix, DEFAULTS.prefix)),
    defaults: checkCallDefaults(options),
    window: check.integer("window", DEFAULTS.window, { min: 1 }),
    // BullMQ writes them as JSON once more, which may double their size.
    maxPayloadBytes: check.integer("maxPayloadBytes", DEFAULTS.maxPayloadBytes, {
      min: 1,
      max: 128 * 1024 * 1024,
    }),
    maxShareBytes: check.integer("maxShareBytes", DEFAULTS.maxShareBytes, { min: 1, max: 512 * 1024 * 1024 }),
    connectTimeoutMs: check.milliseconds("connectTimeoutMs", DEFAULTS.connectTimeoutMs, { min: 1 }),
    telemetry: checkTelemetry(options.telemetry),
    signingKeys: resolveSigningKeys(options.signingKey, env),
    // Ten years. No timer waits for it, but the sum with the present time must stay an exact number.
    signatureTtlMs: check.integer("signatureTtlMs", DEFAULTS.signatureTtlMs, {
      min: 1_000,
      max: 10 * 365 * 24 * 60 * 60_000,
    }),
    logger: checkLogger("logger", options.logger),
    local,
    localAdvice:
      local === undefined && tasks.modulePath !== undefined && options.connection === undefined
        ? adviceForLocal(urlsOf(env).variable)
        : undefined,
  };
}

function adviceForLocal(variable: string): string {
  return `\`${variable}\` is set, so this pool calls the workers of that Redis, and starts none for its \`tasks\`: for processes here, give \`connection: "memory"\``;
}
