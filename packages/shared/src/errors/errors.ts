/** The errors that poolmq throws. Switch on `code`: `instanceof` fails between two copies of a package. */

import { short } from "./short.ts";
import { nearest } from "./nearest.ts";
import type { RemoteInfo } from "../wire.ts";

/** Base of every error that poolmq makes itself (errors of your own functions come back as themselves). */
export abstract class PoolmqError extends Error {
  /** Which error this is, for a program to switch on. */
  abstract readonly code: string;
  /** Where the item ran, if the error belongs to an item. */
  declare remote?: RemoteInfo;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option or argument is not what was expected. Nothing was enqueued. */
export class InvalidOptionError extends PoolmqError {
  readonly code = "INVALID_OPTION";
}

/** A value can't be sent: structured clone does not carry it. */
export class SerializationError extends PoolmqError {
  readonly code = "SERIALIZATION";
  /** Where the value lies, such as `[0].user.callback`; `""` is the value itself. */
  readonly path: string;

  constructor(
    facts: { what: string; path: string; role: "argument" | "result" | "value" },
    options?: ErrorOptions,
  ) {
    const where = facts.path === "" ? `The ${facts.role}` : `The ${facts.role} at ${facts.path}`;
    super(
      `${where} is ${facts.what}, which can't be sent to another process. ` +
        "Expected what structured clone carries: plain data, Date, RegExp, Map, Set, BigInt, typed arrays, Buffer, Error.",
      options,
    );
    this.path = facts.path;
  }
}

/** A payload, outcome or other thing is larger than its limit. */
export class LimitError extends PoolmqError {
  readonly code = "LIMIT_EXCEEDED";
  /** Name of the option that sets the limit. */
  readonly limit: string;
  /** The limit. */
  readonly max: number;
  /** What came. */
  readonly got: number;

  constructor(facts: {
    what: string;
    limit: string;
    max: number;
    got: number;
    unit: string;
    /** What to change. @defaultValue the limit */
    advice?: string;
  }) {
    const { what, limit, max, got, unit, advice = `Raise \`${limit}\`` } = facts;
    super(
      `${what} has ${got} ${unit}, more than \`${limit}\` (${max}). ` +
        `${advice}, or send less: a path or a key instead of the data.`,
    );
    this.limit = facts.limit;
    this.max = facts.max;
    this.got = facts.got;
  }
}

/** Text that came from Redis or a pipe can't be decoded. */
export class DecodeError extends PoolmqError {
  readonly code = "DECODE";
}

/** `get({ timeoutMs })` ran out of time. The map goes on, and can be asked again. */
export class GetTimeoutError extends PoolmqError {
  readonly code = "GET_TIMEOUT";

  constructor(facts: { mapId: string; timeoutMs: number }) {
    super(
      `Map ${facts.mapId} has not ended within ${facts.timeoutMs} ms. It goes on; ask again, or cancel it.`,
    );
  }
}

/** The object is not in a state in which this can be asked. */
export class InvalidStateError extends PoolmqError {
  readonly code = "INVALID_STATE";
}

/** The pool was closed or terminated before the call. */
export class PoolClosedError extends PoolmqError {
  readonly code = "POOL_CLOSED";

  constructor(facts: { call: string; state: string }) {
    super(
      `${facts.call}() was called on a pool that is ${facts.state}. Make a new Pool, or close this one later.`,
    );
  }
}

/** The map was cancelled, by its handle, its signal, or the pool's `terminate()`. */
export class CancelledError extends PoolmqError {
  readonly code = "CANCELLED";

  constructor(facts: { mapId: string; reason?: unknown }) {
    const { reason } = facts;
    const why =
      reason === undefined
        ? ""
        : `: ${reason instanceof Error ? reason.message : typeof reason === "string" ? reason : short(reason)}`;
    super(`Map ${facts.mapId} was cancelled${why}`, reason === undefined ? undefined : { cause: reason });
  }
}

/** An item took down its worker process too often. */
export class WorkerLostError extends PoolmqError {
  readonly code = "WORKER_LOST";
  /** How many processes it took down. */
  readonly losses: number;
  /** Of the last one; `null` if a signal ended it, or it vanished with its machine. */
  readonly exitCode: number | null;
  /** Of the last one, such as `"SIGKILL"`; `null` if it exited. */
  readonly signal: string | null;
  /** True if the process had used up its memory. */
  readonly outOfMemory: boolean;

  constructor(facts: {
    by: RemoteInfo;
    losses: number;
    exitCode: number | null;
    signal: string | null;
    outOfMemory: boolean;
  }) {
    const how = facts.outOfMemory
      ? "ran out of memory"
      : facts.signal !== null
        ? `was ended by ${facts.signal}`
        : facts.exitCode !== null
          ? `exited with code ${facts.exitCode}`
          : "vanished with its machine";
    super(
      `${facts.by.task} took its worker process down ${facts.losses} times on item ${facts.by.index}; the last one ${how}. ` +
        "It was given up after `workerLossAttempts`; the other items are not affected.",
    );
    this.losses = facts.losses;
    this.exitCode = facts.exitCode;
    this.signal = facts.signal;
    this.outOfMemory = facts.outOfMemory;
  }
}

/** An item ran longer than `taskTimeoutMs`, and was stopped. */
export class TaskTimeoutError extends PoolmqError {
  readonly code = "TASK_TIMEOUT";
  /** The limit, in ms. */
  readonly timeoutMs: number;

  constructor(facts: { by: RemoteInfo; timeoutMs: number }) {
    super(
      `${facts.by.task} ran longer than \`taskTimeoutMs\` (${facts.timeoutMs} ms) on item ${facts.by.index} and was stopped`,
    );
    this.timeoutMs = facts.timeoutMs;
  }
}

/** No worker has registered a function of this name. */
export class TaskNotRegisteredError extends PoolmqError {
  readonly code = "TASK_NOT_REGISTERED";
  /** The name that was called. */
  readonly task: string;
  /** Names that are registered. */
  readonly known: readonly string[];

  constructor(facts: { task: string; known: readonly string[] }) {
    const meant = nearest(facts.task, facts.known);
    super(
      `No worker has registered a function "${facts.task}". ` +
        (meant === undefined ? "" : `Did you mean "${meant}"? `) +
        `Registered: ${facts.known.length === 0 ? "none" : facts.known.join(", ")}. ` +
        "A task is named by its export in the workers' tasks module.",
    );
    this.task = facts.task;
    this.known = facts.known;
  }
}

/** Producer and worker speak different versions of the wire contract. */
export class WireVersionError extends PoolmqError {
  readonly code = "WIRE_VERSION";

  constructor(facts: { worker: string; expected: number; got: number }) {
    super(
      `Worker ${facts.worker} speaks version ${facts.expected} of poolmq's wire contract, and the producer version ${facts.got}. ` +
        "Bring both to the same release of poolmq.",
    );
  }
}

/** What lies in Redis for an item can't be read: something else wrote there, or it was damaged. */
export class CorruptJobError extends PoolmqError {
  readonly code = "CORRUPT_JOB";

  constructor(facts: { index: number; reason: string }) {
    super(
      `The job of item ${facts.index} can't be read: ${facts.reason}. Something else writes to this queue's keys.`,
    );
  }
}

/** The Redis or the worker machine that the pool started for itself ended unexpectedly. */
export class LocalMachineError extends PoolmqError {
  readonly code = "LOCAL_MACHINE";
}

/** Why a Redis server could not be used. */
export type RedisConnectionReason =
  /** Nothing answers at the address (yet). */
  | "unreachable"
  /** Something accepts connections and does not become ready: still loading its data, or blocked. */
  | "not-ready"
  /** A password is missing or wrong. */
  | "auth"
  /** The login is not allowed to run a command that poolmq needs. */
  | "permission"
  /** One side speaks TLS and the other does not, or the certificate is not accepted. */
  | "tls"
  /** What answers does not speak Redis's protocol. */
  | "protocol"
  /** The database number does not exist. */
  | "database"
  /** A Cluster was addressed as a single server, or the other way round. */
  | "cluster"
  /** The `AbortSignal` fired. */
  | "aborted";

/** Redis can't be reached, or does not let us in. */
export class RedisConnectionError extends PoolmqError {
  readonly code = "REDIS_CONNECTION";
  /** What stands in the way. */
  readonly reason: RedisConnectionReason;
  /** Where it was looked for, without user name and password. */
  readonly address: string;

  constructor(
    facts: {
      reason: RedisConnectionReason;
      address: string;
      waitedMs?: number;
      detail: string;
      advice: string;
    },
    options?: ErrorOptions,
  ) {
    const waited = facts.waitedMs === undefined ? "" : ` within ${facts.waitedMs} ms`;
    super(`Could not use Redis at ${facts.address}${waited}: ${facts.detail}. ${facts.advice}`, options);
    this.reason = facts.reason;
    this.address = facts.address;
  }
}

/** The server is older than poolmq needs, or does not say what it is. */
export class UnsupportedRedisError extends PoolmqError {
  readonly code = "REDIS_UNSUPPORTED";
  /** The version that the server gave; undefined if it gave none. */
  readonly version: string | undefined;

  constructor(facts: { address: string; version: string | undefined; minimum: string }) {
    const is = facts.version === undefined ? "does not say its version" : `is version ${facts.version}`;
    super(
      `The Redis server at ${facts.address} ${is}. Expected Redis ${facts.minimum} or newer, or Valkey: ` +
        "for example the container images redis:7-bookworm or valkey/valkey:8.",
    );
    this.version = facts.version;
  }
}

/** The server may throw away keys when its memory is full, and with them queued work. */
export class EvictionPolicyError extends PoolmqError {
  readonly code = "REDIS_EVICTION";
  /** The server's `maxmemory-policy`. */
  readonly policy: string;

  constructor(facts: { address: string; policy: string }) {
    super(
      `The Redis server at ${facts.address} evicts keys when its memory is full (maxmemory-policy ${facts.policy}), ` +
        "which loses queued work. Run `redis-cli CONFIG SET maxmemory-policy noeviction` and put the line " +
        "`maxmemory-policy noeviction` in its redis.conf (on a managed service: in its parameter group).",
    );
    this.policy = facts.policy;
  }
}

/** No `redis-server` or `valkey-server` to embed. */
export class RedisNotFoundError extends PoolmqError {
  readonly code = "REDIS_NOT_FOUND";

  constructor(facts: { looked: string; install: string; docker: string; url: string }) {
    super(
      `No Redis is configured, and no redis-server or valkey-server was found to start one (${facts.looked}). ` +
        `Install one: ${facts.install}. Or run one in Docker: \`${facts.docker}\` and set REDIS_URL=${facts.url}`,
    );
  }
}

/** The embedded Redis did not start, or ended by itself. */
export class EmbeddedRedisError extends PoolmqError {
  readonly code = "EMBEDDED_REDIS";
  /** `null` if a signal ended it. */
  readonly exitCode: number | null;
  /** `null` if it exited. */
  readonly signal: string | null;
  /** The last lines that the server wrote. */
  readonly output: string;

  constructor(facts: {
    server: string;
    what: "did not start" | "ended unexpectedly";
    exitCode: number | null;
    signal: string | null;
    output: string;
  }) {
    const how = facts.signal === null ? `exit code ${facts.exitCode ?? "unknown"}` : `signal ${facts.signal}`;
    const said = facts.output === "" ? "It wrote nothing." : `Its last output:\n${facts.output}`;
    super(`The embedded Redis (${facts.server}) ${facts.what} (${how}). ${said}`);
    this.exitCode = facts.exitCode;
    this.signal = facts.signal;
    this.output = facts.output;
  }
}

/** `mapId` names a map that is there already, with another task or other arguments. */
export class MapIdInUseError extends PoolmqError {
  readonly code = "MAP_ID_IN_USE";

  constructor(facts: { mapId: string; difference: string }) {
    super(
      `Map "${facts.mapId}" is there already, with ${facts.difference}. ` +
        "Give the same task, items and chunksize to take it up, or another `mapId`.",
    );
  }
}

/** There is no map of this id: it never was, was delivered, or its time has passed. */
export class UnknownMapError extends PoolmqError {
  readonly code = "UNKNOWN_MAP";

  constructor(facts: { mapId: string }) {
    super(
      `There is no map "${facts.mapId}" on this queue. It was never started with \`mapId\`, was delivered already, or was not asked for in time.`,
    );
  }
}

/** A durable map can't be completed from what is in Redis. */
export class IncompleteMapError extends PoolmqError {
  readonly code = "INCOMPLETE_MAP";

  constructor(facts: { mapId: string; reason: string }) {
    super(
      `Map "${facts.mapId}" can't be completed by attach(): ${facts.reason}. ` +
        "Call the same map again, with the same `mapId` and items: it goes on where the other one stopped.",
    );
  }
}

/** A shared value is not there: its pool was closed, has other workers, or Redis lost it. */
export class SharedValueGoneError extends PoolmqError {
  readonly code = "SHARED_VALUE_GONE";

  constructor(facts: { shareId: string }) {
    super(
      `Shared value ${facts.shareId} is not there: the pool that shared it was closed, has other workers, or Redis lost it`,
    );
  }
}

/** Producer and workers do not have the same `signingKey`, or only one of them has one. */
export class SigningKeyError extends PoolmqError {
  readonly code = "SIGNING_KEY";

  constructor(
    facts:
      | {
          problem: "producer has none" | "workers have none" | "keys differ";
          queue: string;
          hosts: readonly string[];
        }
      | { problem: "map has none" | "map has another"; mapId: string },
  ) {
    super("mapId" in facts ? ofMap(facts) : ofMachines(facts));
  }
}

function ofMap({ problem, mapId }: { problem: "map has none" | "map has another"; mapId: string }): string {
  return problem === "map has another"
    ? `Map "${mapId}" is signed, and not with a \`signingKey\` of this pool. Give the pool the key of the producer and the workers.`
    : `Map "${mapId}" is not signed, and this pool, which has a \`signingKey\`, can't trust it. ` +
        "Take it up with a pool that has none, or start it again under another `mapId`.";
}

function ofMachines(facts: { problem: string; queue: string; hosts: readonly string[] }): string {
  const machines = `The worker machines of queue "${facts.queue}" (${facts.hosts.join(", ")})`;
  switch (facts.problem) {
    case "producer has none":
      return `${machines} take signed jobs only, and this pool has no \`signingKey\`. Give it theirs, or set POOLMQ_SIGNING_KEY.`;
    case "workers have none":
      return `${machines} have no \`signingKey\`, and this pool has one, so that it can't trust their answers. Start them with the same key.`;
    default:
      return `${machines} do not take the \`signingKey\` of this pool, or sign with one that it does not have. Give both sides the same keys.`;
  }
}

/** A task called a pool on the queue that it runs on itself: it would wait for a place that it holds. */
export class NestedPoolError extends PoolmqError {
  readonly code = "NESTED_POOL";

  constructor(facts: { queue: string; call: string }) {
    super(
      `${facts.call}() was called in a task of queue "${facts.queue}", on that same queue: once every process waits like this, nothing can run. ` +
        "Give the inner pool another `queue`, with workers of its own, or `processes`.",
    );
  }
}

/** The only worker machines that are there can't serve: their tasks module does not load, or its initializer fails. */
export class WorkerStartError extends PoolmqError {
  readonly code = "WORKER_START";
  /** Path of the tasks module. */
  readonly module: string;

  constructor(facts: { host: string; module: string; phase: string; reason: string }) {
    const what = facts.phase === "initializer" ? "the initializer fails" : "the module does not load";
    super(
      `No worker can serve: on ${facts.host}, ${what} of the tasks module ${facts.module}: ${facts.reason}. See the log of that worker.`,
    );
    this.module = facts.module;
  }
}

/** The tasks module did not load, exports no function, or its initializer failed. The reason is the `cause`. */
export class TasksModuleError extends PoolmqError {
  readonly code = "TASKS_MODULE";
  /** What it was doing: being imported, running its `initializer`, or either, when its process ended. */
  readonly phase: "load" | "initializer" | "exit";
  /** Path of the tasks module. */
  readonly module: string;
  /** Message of what was thrown. */
  readonly reason: string;

  constructor(facts: { module: string; phase: "load" | "initializer" | "exit"; cause: unknown }) {
    const reason = facts.cause instanceof Error ? facts.cause.message : String(facts.cause);
    const what = {
      load: "did not load",
      initializer: "has an initializer that failed",
      exit: "ended its process",
    };
    super(`The tasks module ${facts.module} ${what[facts.phase]}: ${reason}`, { cause: facts.cause });
    this.phase = facts.phase;
    this.module = facts.module;
    this.reason = reason;
  }
}
