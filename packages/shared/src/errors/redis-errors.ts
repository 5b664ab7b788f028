/** Errors of Redis: it can't be reached, can't be used, or refuses. */

import { PoolmqError } from "./poolmq-error.ts";

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
  /** It is a read-only replica. */
  | "replica"
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

/** Why a Redis server did not do what it was asked. */
export type RefusalReason =
  /** It is a read-only replica. */
  | "replica"
  /** It is loading its data from disk. */
  | "loading"
  /** Its primary is being replaced, or the Cluster is not whole. */
  | "failover"
  /** `maxmemory` is reached. */
  | "memory"
  /** It can't save its data to disk. */
  | "persistence"
  /** Fewer replicas are connected than it wants. */
  | "replicas"
  /** A script keeps it from everything else. */
  | "busy"
  /** It has forgotten a script. */
  | "script"
  /** The connection is cut. */
  | "connection"
  /** It does not accept the user name and password, which may have been changed. */
  | "auth"
  /** The login may not run a command, or not on these keys. */
  | "permission"
  /** A key holds something that is not poolmq's. */
  | "wrong-type"
  /** A value is larger than the server takes. */
  | "too-large"
  /** None of these: the server's own words are in the message. */
  | "unknown";

/** Redis refused a command, in a way that does not pass by itself. What it answered is the `cause`. */
export class RedisRefusedError extends PoolmqError {
  readonly code = "REDIS_REFUSED";
  /** What stands in the way. */
  readonly reason: RefusalReason;

  constructor(
    facts: { command?: string | undefined; reason: RefusalReason; detail: string; advice: string },
    options?: ErrorOptions,
  ) {
    const what = facts.command === undefined ? "a command" : facts.command.toUpperCase();
    super(`Redis refused ${what}: ${facts.detail}. ${facts.advice}.`, options);
    this.reason = facts.reason;
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

/** A queue is spread over other shards than those that were given: over more of them, over fewer, or over others. */
export class ShardMismatchError extends PoolmqError {
  readonly code = "SHARD_MISMATCH";
  /** Over how many shards the queue is spread. */
  readonly agreed: number;
  /** How many were given. */
  readonly given: number;

  constructor(facts: {
    queue: string;
    who: string;
    /** Where the shards are that were given. */
    addresses: readonly string[];
    agreed: number;
    /** One of those that is none of the queue's. */
    stranger?: string | undefined;
    /** Two of those that are the same. */
    twice?: string;
  }) {
    const { queue, who, addresses, agreed, stranger, twice } = facts;
    const given = `this ${who} was given ${addresses.length} (${addresses.join(", ")})`;
    const what =
      twice === undefined
        ? `Queue "${queue}" is spread over ${agreed} ${agreed === 1 ? "shard" : "shards"}, and ` +
          (stranger === undefined ? given : `${stranger} is none of them: ${given}`)
        : `Queue "${queue}" can't be spread over ${twice}, which are the same: ${given}`;
    super(
      `${what}. Give producers and worker machines the same Redis servers, or the same number of shards. ` +
        "To add or remove one, run `poolmq shards` with those that there are to be.",
    );
    this.agreed = agreed;
    this.given = addresses.length;
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
