import type { RedisConnectionReason } from "../../errors/redis-errors.ts";

/** What a failed attempt to connect tells. */
export interface ConnectionFailure {
  readonly reason: RedisConnectionReason;
  /** True if trying again can't help: somebody has to change a setting. */
  readonly final: boolean;
  /** What happened, as a clause for a message. */
  readonly detail: string;
  /** What to do about it, if that is not the same for all failures of this reason. */
  readonly advice?: string | undefined;
}

interface Rule {
  readonly pattern: RegExp;
  readonly reason: RedisConnectionReason;
  readonly final: boolean;
  /** Replaces the server's own words where those would only make sense to someone who knows its protocol. */
  readonly detail?: string;
  readonly advice?: string;
}

// Tested in this order against "code message" of the error.
const RULES: readonly Rule[] = [
  {
    pattern: /NOAUTH/,
    reason: "auth",
    final: true,
    detail: "it needs a password, and none was given (NOAUTH)",
  },
  {
    pattern: /WRONGPASS/,
    reason: "auth",
    final: true,
    detail: "it refuses this user name and password (WRONGPASS)",
  },
  { pattern: /invalid password|DENIED/, reason: "auth", final: true },
  { pattern: /NOPERM/, reason: "permission", final: true },
  { pattern: /DB index|invalid DB|SELECT is not allowed/i, reason: "database", final: true },
  { pattern: /cluster support disabled/i, reason: "cluster", final: true },
  { pattern: /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO/, reason: "tls", final: true },
  { pattern: /Unknown RESP type 21\b/, reason: "tls", final: true, detail: "it answers with TLS" },
  {
    pattern: /\bBUSY /,
    reason: "not-ready",
    final: false,
    detail: "a script has been running in it for long (BUSY)",
    advice: "Wait for that script, or end it with `redis-cli SCRIPT KILL`",
  },
  {
    pattern: /max number of clients/,
    reason: "unreachable",
    final: false,
    advice: "Raise its maxclients, or see what keeps so many connections open (`redis-cli CLIENT LIST`)",
  },
  {
    pattern: /unknown command/i,
    reason: "permission",
    final: false,
    advice:
      "poolmq needs this command under its own name: take it out of the server's `rename-command`, or see whether a proxy before the server lacks it",
  },
  {
    // The Redis client sets this for each error that a server answers. The server itself is not to blame.
    pattern: /stackTraceLimit/,
    reason: "protocol",
    final: true,
    detail: "this program has frozen `Error`, whose `stackTraceLimit` the Redis client has to set",
    advice: "Freeze it after `Error.stackTraceLimit` was made writable again",
  },
  {
    pattern: /Unknown RESP type|Protocol error/,
    reason: "protocol",
    final: true,
    detail: "the server there does not speak Redis's protocol",
  },
];

/** Tells what an error event of a connection that is not ready yet means. */
export function classifyFailure(error: Error): ConnectionFailure {
  const cause = rootOf(error);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const text = `${code} ${cause.message}`;
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  return {
    // Everything else may pass: a server that is starting, a name that is not in the DNS yet, too many clients.
    reason: rule?.reason ?? "unreachable",
    final: rule?.final ?? false,
    detail: rule?.detail ?? oneSentence(cause.message || code || cause.name),
    advice: rule?.advice,
  };
}

/** What to do about a failure. */
export function adviceFor(failure: Omit<ConnectionFailure, "final">, address: string): string {
  const { reason, detail, advice } = failure;
  if (advice !== undefined) return advice;
  switch (reason) {
    case "auth":
      return "Put the password in the URL (redis://:password@host:6379, or redis://user:password@… for an ACL user), percent-encoded";
    case "permission":
      return "Give this login the commands and keys that poolmq needs (ACL SETUSER), INFO among them";
    case "tls":
      return address.startsWith("redis:")
        ? "If this server speaks TLS, use rediss:// instead of redis://"
        : "If this server does not speak TLS, use redis://; for a certificate of your own authority pass ioredis options with `tls: { ca }`";
    case "protocol":
      return "Check the host and the port";
    case "database":
      return "Use a database number that the server has (redis-cli CONFIG GET databases), or none; a Cluster has only 0";
    case "cluster":
      return address.startsWith("cluster ")
        ? "Pass the address as a plain URL instead of { cluster: [nodes] }"
        : "Pass it as { cluster: [nodes] } instead of a plain URL";
    case "replica":
      return "Connect to its primary: by its address, or by { sentinels, name } or { cluster: [nodes] }, which find it again after a failover";
    case "not-ready":
      return "It may still be loading its data, or be blocked by a slow command: try again later or raise `connectTimeoutMs`";
    case "unreachable":
      if (address.startsWith("redis:") && /closes the connection|ECONNRESET/.test(detail)) {
        // A TLS port closes the connection on plain text; so does a port forwarding whose target is down.
        return "If this server speaks TLS, use rediss:// instead of redis://; otherwise see whether it runs, and whether its maxclients is reached";
      }
      return (
        "Start Redis, for example with `docker run -d -p 6379:6379 redis:7-bookworm redis-server --maxmemory-policy noeviction`, " +
        "or set POOLMQ_REDIS_URL or REDIS_URL to the one to use"
      );
    case "aborted":
      return "The AbortSignal that was passed in asked for it";
  }
  return reason satisfies never;
}

/**
 * Removes the arguments from an error that ioredis made for a failed command. They hold the password (AUTH, HELLO) or
 * users' data, and loggers print every own property. Changes the error in place and gives it back.
 */
export function withoutArguments<E>(error: E): E {
  const seen = new Set<unknown>();
  let current: unknown = error;
  while (current instanceof Error && !seen.has(current)) {
    seen.add(current);
    if ("command" in current && typeof current.command === "object" && current.command !== null) {
      current.command = { name: "name" in current.command ? current.command.name : undefined };
    }
    current = "lastNodeError" in current ? current.lastNodeError : current.cause;
  }
  return error;
}

/** The error of the node that a Cluster error hides, or the first of an AggregateError (a host with two addresses). */
function rootOf(error: Error): Error {
  if ("lastNodeError" in error && error.lastNodeError instanceof Error) return rootOf(error.lastNodeError);
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error && error.message === "" ? first : error;
}

/** The first sentence, without its full stop. Some messages are a page long, such as Redis's DENIED. */
function oneSentence(text: string): string {
  return (/^[^]*?[.:](?=\s)/.exec(text)?.[0] ?? text).replace(/[.:]$/, "").replace(/\s+/g, " ").slice(0, 300);
}
