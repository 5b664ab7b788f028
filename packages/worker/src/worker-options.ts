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
  checkRunsProcesses,
  PROCESS_DEFAULTS,
  PROCESS_OPTIONS,
  moduleOrSibling,
  resolveConnection,
  resolveProcessOptions,
  resolveShards,
  resolveSigningKeys,
  queueShards,
} from "@poolmq/shared/internal";
import type {
  QueueShard,
  ResolvedConnection,
  ResolvedProcessOptions,
  SigningKeys,
} from "@poolmq/shared/internal";

/** Options of a worker machine. */
export interface WorkerOptions extends ProcessOptions {
  /** The tasks module: a path (from the working directory) or a `file:` URL. Its exported functions are the tasks. */
  readonly module: string | URL;
  /**
   * Redis; a list of all of them, in any order, for a pool that is spread over several servers.
   * @defaultValue `POOLMQ_REDIS_URL`, else `REDIS_URL` of the environment, else `redis://127.0.0.1:6379`
   */
  readonly connection?: ConnectionOption | readonly ServerOption[] | undefined;
  /** Over how many queues of a Redis Cluster the queue is spread: the same number as its pools have. @defaultValue 1 */
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
   * Version of the tasks' code: a release, a commit, the tag of an image. It is shown where machines are, and callers can
   * ask for it with their option `codeVersion`. @defaultValue none
   */
  readonly codeVersion?: string | undefined;
  /** How long a dead machine's items stay its own, in ms, at least 500. @defaultValue 3000 */
  readonly lockDurationMs?: number | undefined;
  /** How often machines look for items of dead machines, in ms, at least 100. @defaultValue 1000 */
  readonly stalledIntervalMs?: number | undefined;
  /** How long `close()` lets running items go on before it kills them, in ms. @defaultValue 30000 */
  readonly shutdownTimeoutMs?: number | undefined;
  /** How long a function that was told to stop may go on before its process is killed, in ms. @defaultValue 500 */
  readonly killGraceMs?: number | undefined;
  /**
   * How many bytes of large arguments and of outcomes the machine holds at a time, beside what its processes have, at least
   * 1 MiB: further arguments are read, and further items begun, when there is room. One that is larger has all of it.
   * @defaultValue 268435456 (256 MiB)
   */
  readonly maxHeldBytes?: number | undefined;
  /**
   * How long to try to reach Redis at the start, in ms; 0: as long as it takes, and the log says so once a minute.
   * @defaultValue 10000
   */
  readonly connectTimeoutMs?: number | undefined;
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

/** One of the queues that a machine serves as one: there are several where a pool is spread over several servers. */
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
  // Short, because a supervisor never blocks: a dead machine's items are back in 3 to 4 s.
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

const DEFAULT_URL = "redis://127.0.0.1:6379";

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
  const queue = checkQueueName("queue", options.queue ?? DEFAULTS.queue);
  return {
    ...resolveProcessOptions(options),
    module: modulePath(options.module),
    shards: shardsOf(options, queue),
    queue,
    prefix: checkQueueName("prefix", options.prefix ?? DEFAULTS.prefix),
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
    healthHost: checkHost(options.healthHost ?? DEFAULTS.healthHost),
    redactRemoteStacks: check.boolean("redactRemoteStacks"),
    signingKeys: resolveSigningKeys(options.signingKey),
    logger: checkLogger("logger", options.logger),
  };
}

/** Where Redis is, for those who look at one. */
export function connectionOf(option: ConnectionOption | undefined): ResolvedConnection {
  const resolved = resolveConnection(option) ?? resolveConnection(DEFAULT_URL);
  if (resolved === undefined) throw new Error("unreachable: a URL always resolves");
  return resolved;
}

/** Where the queue is. Checked here, so that a wrong URL is told before a process is started. */
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
