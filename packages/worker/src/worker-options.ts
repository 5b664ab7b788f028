/** Options of a worker machine: documented, with defaults, checked in one place. */

import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";
import type { ConnectionOption, ProcessOptions, ServerOption } from "@poolmq/shared";
import {
  availableCores,
  checkCodeVersion,
  checkLogger,
  checkOptions,
  checkQueueName,
  given,
  checkRunsProcesses,
  PROCESS_DEFAULTS,
  PROCESS_OPTIONS,
  moduleOrSibling,
  resolveProcessOptions,
  resolveShards,
  resolveSigningKeys,
  queueShards,
} from "@poolmq/shared/internal";
import type { QueueShard, ResolvedProcessOptions, SigningKeys } from "@poolmq/shared/internal";

/** Options of a worker machine. */
export interface WorkerOptions extends ProcessOptions {
  /** The tasks module: a path (from the working directory) or a `file:` URL. Its exported functions are the tasks. */
  readonly module: string | URL;
  /**
   * Redis; or the list of all servers, in any order, over which the queue is spread.
   * @defaultValue `POOLMQ_REDIS_URL`, else `REDIS_URL` of the environment, else `redis://127.0.0.1:6379`
   */
  readonly connection?: ConnectionOption | readonly ServerOption[] | undefined;
  /**
   * On a Redis Cluster: the number of queues over which this queue is spread, the same as that of its pools, 1 to 64.
   * @defaultValue 1
   */
  readonly shards?: number | undefined;
  /** Name of the queue to serve. @defaultValue `"default"` */
  readonly queue?: string | undefined;
  /** First part of every key in Redis. @defaultValue `"poolmq"` */
  readonly prefix?: string | undefined;
  /**
   * Number of child processes, at least 1.
   * @defaultValue one per available core; under a CPU limit, such as a container's, as many as that, rounded up
   */
  readonly processes?: number | undefined;
  /**
   * Version of the tasks' code: a release, a commit, the tag of an image. It is shown with the machines, and callers can
   * ask for it with their option `codeVersion`. @defaultValue none
   */
  readonly codeVersion?: string | undefined;
  /**
   * How long a dead machine keeps its items before another machine may run them, in ms, at least 500. @defaultValue 3000
   */
  readonly lockDurationMs?: number | undefined;
  /** How often machines look for items of dead machines, in ms, at least 100. @defaultValue 1000 */
  readonly stalledIntervalMs?: number | undefined;
  /** How long `close()` lets running items go on before it kills them, in ms. @defaultValue 30000 */
  readonly shutdownTimeoutMs?: number | undefined;
  /** How long a function may continue after it was told to stop, in ms. Then its process is killed. @defaultValue 500 */
  readonly killGraceMs?: number | undefined;
  /**
   * The most bytes of large arguments and of outcomes that the supervisor holds at a time, at least 1 MiB. Further
   * arguments are read, and further items begun, when there is room. A job that is larger by itself is run alone.
   * @defaultValue 268435456 (256 MiB)
   */
  readonly maxHeldBytes?: number | undefined;
  /**
   * How long to try to reach Redis at the start, in ms; 0: without limit, and the log says once a minute that it waits.
   * @defaultValue 10000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Port for health checks and metrics over HTTP (`/livez`, `/readyz`, `/metrics`); 0 takes a free one.
   * @defaultValue none are served
   */
  readonly healthPort?: number | undefined;
  /**
   * Address to serve them on. By default only this machine can reach it; probes from outside of a container need
   * `"0.0.0.0"`. @defaultValue `"127.0.0.1"`
   */
  readonly healthHost?: string | undefined;
  /**
   * Sends errors of tasks to callers without stacks, and of a module that does not load only that fact. Callers then see
   * no paths of this machine, except in messages. The stacks are in this machine's log. @defaultValue false
   */
  readonly redactRemoteStacks?: boolean | undefined;
  /**
   * Runs only jobs that were signed with this secret of 32 bytes or more, and signs their outcomes: for a Redis to which
   * others can write. The producers need the same secret. With a list, the first signs and all are accepted, so that the
   * key can be changed without a stop. Tasks do not see it. @defaultValue `POOLMQ_SIGNING_KEY` of the environment (one
   * key a line), else none
   */
  readonly signingKey?: string | readonly string[] | undefined;
  /**
   * Where to log. What tasks print becomes lines of this log: `info` from stdout, `warn` from stderr.
   * @defaultValue no log; what tasks print goes where this process prints
   */
  readonly logger?: Logger | undefined;
}

/** One shard of the queue that a machine serves; there are several if the queue is spread over several servers. */
export type Shard = QueueShard;

/** `WorkerOptions`, checked and complete. */
export interface ResolvedWorkerOptions extends ResolvedProcessOptions {
  readonly module: string;
  /** At least one. */
  readonly shards: readonly Shard[];
  readonly queue: string;
  readonly prefix: string;
  readonly processes: number;
  readonly codeVersion: string | undefined;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly shutdownTimeoutMs: number;
  readonly killGraceMs: number;
  readonly maxHeldBytes: number;
  readonly connectTimeoutMs: number;
  readonly healthPort: number | undefined;
  readonly healthHost: string;
  readonly redactRemoteStacks: boolean;
  readonly signingKeys: SigningKeys | undefined;
  readonly logger: Logger | undefined;
}

export const DEFAULTS: Readonly<
  typeof PROCESS_DEFAULTS & Record<DefaultedNumber, number> & Record<DefaultedText, string>
> = {
  ...PROCESS_DEFAULTS,
  queue: "default",
  prefix: "poolmq",
  healthHost: "127.0.0.1",
  // It can be short, because a supervisor never blocks. A dead machine's items are run elsewhere after 3 to 4 s.
  lockDurationMs: 3_000,
  stalledIntervalMs: 1_000,
  shutdownTimeoutMs: 30_000,
  killGraceMs: 500,
  maxHeldBytes: 256 * 1024 * 1024,
  connectTimeoutMs: 10_000,
} satisfies Partial<WorkerOptions>;

type DefaultedText = "queue" | "prefix" | "healthHost";

type DefaultedNumber =
  | "lockDurationMs"
  | "stalledIntervalMs"
  | "shutdownTimeoutMs"
  | "killGraceMs"
  | "maxHeldBytes"
  | "connectTimeoutMs";

/** Up to a tebibyte. */
const HELD_BYTES = { min: 1024 * 1024, max: 2 ** 40 };

export const DEFAULT_URL = "redis://127.0.0.1:6379";

/**
 * Checks the options and fills in the defaults.
 *
 * @throws InvalidOptionError that names the option, what was expected and what came
 */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  checkRunsProcesses();
  const check = checkOptions(options, "worker options", [
    ...PROCESS_OPTIONS,
    "module",
    "connection",
    "shards",
    "queue",
    "prefix",
    "processes",
    "codeVersion",
    "lockDurationMs",
    "stalledIntervalMs",
    "shutdownTimeoutMs",
    "killGraceMs",
    "maxHeldBytes",
    "connectTimeoutMs",
    "healthPort",
    "healthHost",
    "redactRemoteStacks",
    "signingKey",
    "logger",
  ]);
  const queue = checkQueueName("queue", given(options.queue, DEFAULTS.queue));
  return {
    ...resolveProcessOptions(options),
    module: modulePath(options.module),
    shards: shardsOf(options, queue),
    queue,
    prefix: checkQueueName("prefix", given(options.prefix, DEFAULTS.prefix)),
    processes: check.integer("processes", availableCores(), { min: 1, max: 1024 }),
    codeVersion: checkCodeVersion(options.codeVersion),
    lockDurationMs: check.milliseconds("lockDurationMs", DEFAULTS.lockDurationMs, { min: 500 }),
    stalledIntervalMs: check.milliseconds("stalledIntervalMs", DEFAULTS.stalledIntervalMs, { min: 100 }),
    shutdownTimeoutMs: check.milliseconds("shutdownTimeoutMs", DEFAULTS.shutdownTimeoutMs, { min: 0 }),
    killGraceMs: check.milliseconds("killGraceMs", DEFAULTS.killGraceMs, { min: 0 }),
    maxHeldBytes: check.integer("maxHeldBytes", DEFAULTS.maxHeldBytes, HELD_BYTES),
    connectTimeoutMs: check.milliseconds("connectTimeoutMs", DEFAULTS.connectTimeoutMs, { min: 0 }),
    healthPort:
      options.healthPort === undefined ? undefined : check.integer("healthPort", 0, { min: 0, max: 65_535 }),
    healthHost: checkHost(options.healthHost === undefined ? DEFAULTS.healthHost : options.healthHost),
    redactRemoteStacks: check.boolean("redactRemoteStacks"),
    signingKeys: resolveSigningKeys(options.signingKey),
    logger: checkLogger("logger", options.logger),
  };
}

/**
 * Resolves the shards of the queue. Called with the other checks, so that a wrong URL is reported before a process is
 * started.
 */
export function shardsOf(
  { connection: option, shards }: Pick<WorkerOptions, "connection" | "shards">,
  queue: string,
): readonly Shard[] {
  const connections = resolveShards(option, shards) ?? resolveShards(DEFAULT_URL, shards, {}) ?? [];
  return queueShards(connections, queue);
}

function checkHost(host: string): string {
  if (typeof host === "string" && /^[\w.:%-]+$/.test(host)) return host;
  throw new InvalidOptionError(
    `Expected \`healthHost\` to be an address or host name, such as "0.0.0.0", got ${typeof host === "string" ? `'${host}'` : typeof host}`,
  );
}

/** Gives the path of a tasks module. @throws InvalidOptionError */
export function modulePath(module: string | URL): string {
  if (module instanceof URL || (typeof module === "string" && module.startsWith("file:")))
    return moduleOrSibling(fileURLToPath(module));
  if (typeof module === "string" && module !== "") return moduleOrSibling(resolve(module));
  throw new InvalidOptionError(
    `Expected \`module\` to be the path or file: URL of a tasks module, got ${module === "" ? "an empty string" : typeof module}`,
  );
}
