/** Options of a worker machine: documented, with defaults, checked in one place. */

import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";
import type { ConnectionOption } from "@poolmq/shared";
import {
  availableCores,
  checkEnvironment,
  checkLogger,
  checkOptions,
  checkQueueName,
  resolveConnection,
  resolveSigningKeys,
} from "@poolmq/shared/internal";
import type { ResolvedConnection, SigningKeys } from "@poolmq/shared/internal";

/** Options of a worker machine. */
export interface WorkerOptions {
  /** The tasks module: a path (from the working directory) or a `file:` URL. Its exported functions are the tasks. */
  readonly module: string | URL;
  /** Redis. @defaultValue `POOLMQ_REDIS_URL`, else `REDIS_URL` of the environment, else `redis://127.0.0.1:6379` */
  readonly connection?: ConnectionOption | undefined;
  /** Name of the queue to serve. @defaultValue `"default"` */
  readonly queue?: string | undefined;
  /** First part of every key in Redis. @defaultValue `"poolmq"` */
  readonly prefix?: string | undefined;
  /**
   * Number of child processes, at least 1.
   * @defaultValue one per available core; under a CPU limit, such as a container's, as many as that, rounded up
   */
  readonly processes?: number | undefined;
  /** Items that one child runs at a time, at least 1: more than 1 helps functions that wait for I/O. @defaultValue 1 */
  readonly concurrency?: number | undefined;
  /** After how many lost processes an item is given up with a `WorkerLostError`, at least 1. @defaultValue 3 */
  readonly workerLossAttempts?: number | undefined;
  /**
   * Largest result or error of an item, in bytes of its encoded form, at least 1024; a larger result is that item's
   * `LimitError`, and a larger error is cut down. @defaultValue 8388608 (8 MiB)
   */
  readonly maxOutcomeBytes?: number | undefined;
  /** How long a dead machine's items stay its own, in ms, at least 500. @defaultValue 3000 */
  readonly lockDurationMs?: number | undefined;
  /** How often machines look for items of dead machines, in ms, at least 100. @defaultValue 1000 */
  readonly stalledIntervalMs?: number | undefined;
  /** How long `close()` lets running items go on before it kills them, in ms. @defaultValue 30000 */
  readonly shutdownTimeoutMs?: number | undefined;
  /** How long a function that was told to stop may go on before its process is killed, in ms. @defaultValue 500 */
  readonly killGraceMs?: number | undefined;
  /** How long a child may take to import the module and run its `initializer`, in ms. @defaultValue 60000 */
  readonly startTimeoutMs?: number | undefined;
  /** Items that a child runs before it is replaced, against leaks; 0 for no limit. @defaultValue 0 */
  readonly maxTasksPerChild?: number | undefined;
  /**
   * Memory (resident set) above which a child is replaced between items, in MiB; above 1.5 times as much it is killed,
   * and its item is charged with the loss; 0 for no limit. The hard limit needs Linux. @defaultValue 0
   */
  readonly maxMemoryPerChildMb?: number | undefined;
  /** How long to try to reach Redis at the start, in ms. @defaultValue 10000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Environment variables for the tasks, beside the harmless ones that every child gets. @defaultValue none */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Port for health checks and metrics over HTTP (`/livez`, `/readyz`, `/metrics`); 0 takes a free one.
   * @defaultValue none are served
   */
  readonly healthPort?: number | undefined;
  /**
   * Address to serve them on. Reachable by others only if you say so: `"0.0.0.0"`, which probes from outside of a
   * container need. @defaultValue `"127.0.0.1"`
   */
  readonly healthHost?: string | undefined;
  /**
   * Sends errors of tasks to their callers without stacks, and says of a module that does not load only that: callers
   * then see no paths of this machine but those in messages. The stacks are in this machine's log. @defaultValue false
   */
  readonly redactRemoteStacks?: boolean | undefined;
  /**
   * Takes only jobs that were signed with this secret of 32 bytes or more, and signs what they come to: for a Redis that
   * others can write to. The producers need the same one. A list to change it without a stop: the first signs, all are
   * accepted. Tasks do not see it. @defaultValue `POOLMQ_SIGNING_KEY` of the environment (one key a line), else none
   */
  readonly signingKey?: string | readonly string[] | undefined;
  /**
   * Where to log. What tasks print becomes lines of this log: `info` from stdout, `warn` from stderr.
   * @defaultValue no log; what tasks print goes where this process prints
   */
  readonly logger?: Logger | undefined;
}

/** `WorkerOptions`, checked and complete. */
export interface ResolvedWorkerOptions {
  readonly module: string;
  readonly connection: ResolvedConnection;
  readonly queue: string;
  readonly prefix: string;
  readonly processes: number;
  readonly concurrency: number;
  readonly workerLossAttempts: number;
  readonly maxOutcomeBytes: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly shutdownTimeoutMs: number;
  readonly killGraceMs: number;
  readonly startTimeoutMs: number;
  readonly maxTasksPerChild: number;
  readonly maxMemoryPerChildMb: number;
  readonly connectTimeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly healthPort: number | undefined;
  readonly healthHost: string;
  readonly redactRemoteStacks: boolean;
  readonly signingKeys: SigningKeys | undefined;
  readonly logger: Logger | undefined;
}

export const DEFAULTS: Readonly<
  Record<DefaultedNumber, number> & Record<"queue" | "prefix" | "healthHost", string>
> = {
  queue: "default",
  prefix: "poolmq",
  healthHost: "127.0.0.1",
  concurrency: 1,
  workerLossAttempts: 3,
  maxOutcomeBytes: 8 * 1024 * 1024,
  // Short, because a supervisor never blocks: a dead machine's items are back in 3 to 4 s.
  lockDurationMs: 3_000,
  stalledIntervalMs: 1_000,
  shutdownTimeoutMs: 30_000,
  killGraceMs: 500,
  startTimeoutMs: 60_000,
  maxTasksPerChild: 0,
  maxMemoryPerChildMb: 0,
  connectTimeoutMs: 10_000,
} satisfies Partial<WorkerOptions>;

const DEFAULT_URL = "redis://127.0.0.1:6379";

type DefaultedNumber =
  | "concurrency"
  | "workerLossAttempts"
  | "maxOutcomeBytes"
  | "lockDurationMs"
  | "stalledIntervalMs"
  | "shutdownTimeoutMs"
  | "killGraceMs"
  | "startTimeoutMs"
  | "maxTasksPerChild"
  | "maxMemoryPerChildMb"
  | "connectTimeoutMs";

/**
 * Checks the options and fills in the defaults.
 *
 * @throws InvalidOptionError that names the option, what was expected and what came
 */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  const check = checkOptions(options, "worker options", [
    "module",
    "connection",
    "queue",
    "prefix",
    "processes",
    "concurrency",
    "workerLossAttempts",
    "maxOutcomeBytes",
    "lockDurationMs",
    "stalledIntervalMs",
    "shutdownTimeoutMs",
    "killGraceMs",
    "startTimeoutMs",
    "maxTasksPerChild",
    "maxMemoryPerChildMb",
    "connectTimeoutMs",
    "env",
    "healthPort",
    "healthHost",
    "redactRemoteStacks",
    "signingKey",
    "logger",
  ]);
  return {
    module: modulePath(options.module),
    connection: connectionOf(options.connection),
    queue: checkQueueName("queue", options.queue ?? DEFAULTS.queue),
    prefix: checkQueueName("prefix", options.prefix ?? DEFAULTS.prefix),
    processes: check.integer("processes", availableCores(), { min: 1, max: 1024 }),
    concurrency: check.integer("concurrency", DEFAULTS.concurrency, { min: 1, max: 10_000 }),
    workerLossAttempts: check.integer("workerLossAttempts", DEFAULTS.workerLossAttempts, { min: 1 }),
    maxOutcomeBytes: check.integer("maxOutcomeBytes", DEFAULTS.maxOutcomeBytes, {
      min: 1024,
      max: 128 * 1024 * 1024,
    }),
    lockDurationMs: check.integer("lockDurationMs", DEFAULTS.lockDurationMs, { min: 500 }),
    stalledIntervalMs: check.integer("stalledIntervalMs", DEFAULTS.stalledIntervalMs, { min: 100 }),
    shutdownTimeoutMs: check.integer("shutdownTimeoutMs", DEFAULTS.shutdownTimeoutMs, { min: 0 }),
    killGraceMs: check.integer("killGraceMs", DEFAULTS.killGraceMs, { min: 0 }),
    startTimeoutMs: check.integer("startTimeoutMs", DEFAULTS.startTimeoutMs, { min: 100 }),
    maxTasksPerChild: check.integer("maxTasksPerChild", DEFAULTS.maxTasksPerChild, { min: 0 }),
    maxMemoryPerChildMb: check.integer("maxMemoryPerChildMb", DEFAULTS.maxMemoryPerChildMb, { min: 0 }),
    connectTimeoutMs: check.integer("connectTimeoutMs", DEFAULTS.connectTimeoutMs, { min: 1 }),
    env: checkEnvironment("env", options.env ?? {}),
    healthPort:
      options.healthPort === undefined ? undefined : check.integer("healthPort", 0, { min: 0, max: 65_535 }),
    healthHost: checkHost(options.healthHost ?? DEFAULTS.healthHost),
    redactRemoteStacks: check.boolean("redactRemoteStacks"),
    signingKeys: resolveSigningKeys(options.signingKey),
    logger: checkLogger("logger", options.logger),
  };
}

/** Where Redis is. Checked here, so that a wrong URL is told before a process is started. */
export function connectionOf(option: ConnectionOption | undefined): ResolvedConnection {
  const resolved = resolveConnection(option) ?? resolveConnection(DEFAULT_URL);
  if (resolved === undefined) throw new Error("unreachable: a URL always resolves");
  return resolved;
}

function checkHost(host: string): string {
  if (typeof host === "string" && /^[\w.:%-]+$/.test(host)) return host;
  throw new InvalidOptionError(
    `Expected \`healthHost\` to be an address or host name, such as "0.0.0.0", got ${typeof host === "string" ? `'${host}'` : typeof host}`,
  );
}

function modulePath(module: string | URL): string {
  if (module instanceof URL || (typeof module === "string" && module.startsWith("file:")))
    return fileURLToPath(module);
  if (typeof module === "string" && module !== "") return resolve(module);
  throw new InvalidOptionError(
    `Expected \`module\` to be the path or file: URL of a tasks module, got ${module === "" ? "an empty string" : typeof module}`,
  );
}
