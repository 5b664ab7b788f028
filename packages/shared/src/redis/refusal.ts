/** What an error of a command means: whether it passes by itself, what stands in the way, and what to do about it. */

import { withoutArguments } from "./connection/connection-failure.ts";
import { RedisRefusedError } from "../errors/redis-errors.ts";
import type { RefusalReason } from "../errors/redis-errors.ts";

/** Why Redis did not do what it was asked. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Redis may take it later: a failover, memory that is full, a connection that is cut. */
  readonly passes: boolean;
  /** What is the matter, as a clause for a message. */
  readonly detail: string;
  /** What to do about it, as a sentence without its full stop. */
  readonly advice: string;
}

interface Rule extends Omit<Refusal, "detail"> {
  readonly pattern: RegExp;
  /** Absent: the server's own words are shown. */
  readonly detail?: string;
}

/** Redis 6.2 puts this before errors within a script. */
const WITHIN_SCRIPT = /^ERR Error running script .*? -?(?=[A-Z]{3,} )/s;

// Tested in this order.
const RULES: readonly Rule[] = [
  {
    pattern: /^READONLY/,
    reason: "replica",
    passes: true,
    detail: "it is a read-only replica",
    advice: "Connect to the primary: by its address, or by the Sentinels or the Cluster that know it",
  },
  {
    pattern: /^LOADING/,
    reason: "loading",
    passes: true,
    detail: "it is loading its data from disk",
    advice: "It serves once that is done",
  },
  {
    pattern: /^(MASTERDOWN|CLUSTERDOWN|TRYAGAIN|UNBLOCKED)/,
    reason: "failover",
    passes: true,
    advice: "It serves once the failover is over; if that lasts, see whether a majority of its nodes is up",
  },
  {
    pattern: /^OOM/,
    reason: "memory",
    passes: true,
    detail: "its memory is full",
    advice: "Raise its maxmemory, or delete what else is kept in it",
  },
  {
    pattern: /^MISCONF/,
    reason: "persistence",
    passes: true,
    detail: "it can't save its data to disk, and refuses writes until it can",
    advice: "Look for a full disk and at its log",
  },
  {
    pattern: /^NOREPLICAS/,
    reason: "replicas",
    passes: true,
    detail: "fewer replicas are connected to it than its `min-replicas-to-write` wants",
    advice: "Start its replicas, or lower that setting",
  },
  {
    pattern: /^BUSY /,
    reason: "busy",
    passes: true,
    detail: "a script has been running in it for long",
    advice: "Wait for that script, or end it with `redis-cli SCRIPT KILL`",
  },
  { pattern: /^NOSCRIPT/, reason: "script", passes: true, advice: "The script is sent again" },
  {
    pattern: /^ERR max number of clients/,
    reason: "connection",
    passes: true,
    detail: "it has as many connections as it may have",
    advice: "Raise its maxclients, or see what keeps so many connections open",
  },
  {
    // Errors of ioredis and Node. ioredis calls a pipeline that was cut off "aborted", and does not send it again as it
    // does single commands.
    pattern:
      /^(Connection is closed|Command timed out|Command aborted due to connection close|Socket timeout|Stream isn't writeable)|ECONN|EPIPE|ENOENT|ETIMEDOUT/,
    reason: "connection",
    passes: true,
    detail: "the connection to it is cut",
    advice: "See whether it runs, and whether it can be reached from here",
  },
  {
    pattern: /^(NOAUTH|WRONGPASS)|invalid password/,
    reason: "auth",
    passes: false,
    detail: "it does not accept the user name and password",
    advice: "Give the ones that hold now; if they were changed, start this program again with the new ones",
  },
  {
    // In a script, Redis 7 says "ACL failure in script", and 6.2 that the user "executing the script can't …".
    pattern: /^NOPERM|ACL failure in script|executing the script can't/,
    reason: "permission",
    passes: false,
    advice: "Give this login what `poolmq acl` prints",
  },
  {
    pattern: /^WRONGTYPE/,
    reason: "wrong-type",
    passes: false,
    detail: "something else has written to this queue's keys (WRONGTYPE)",
    advice: "Give poolmq a `prefix` that nothing else uses",
  },
  {
    pattern: /invalid bulk length|exceeds maximum allowed size|too big (bulk|mbulk|inline)/,
    reason: "too-large",
    passes: false,
    detail: "the value is larger than this server takes",
    advice:
      "Send a path or a key instead of the data, or raise the server's proto-max-bulk-len and client-query-buffer-limit",
  },
];

/** Says what the error of a command means. */
export function classifyRefusal(error: unknown): Refusal {
  const message = (error instanceof Error ? error.message : String(error)).replace(WITHIN_SCRIPT, "");
  const rule = RULES.find(({ pattern }) => pattern.test(message));
  const { reason, passes, advice } = rule ?? UNKNOWN;
  return { reason, passes, detail: rule?.detail ?? inOneLine(message), advice };
}

const UNKNOWN = {
  reason: "unknown",
  passes: false,
  advice: "See whether the server, or a proxy before it, supports and allows the command",
} as const;

/**
 * Gives the typed error for what Redis answered, with that answer as its `cause`. Gives back any other error as it is:
 * one of poolmq's own, or a mistake in the program.
 */
export function refusedError(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "ReplyError") return error;
  const command =
    "command" in error ? (error.command as { readonly name?: unknown } | undefined)?.name : undefined;
  const { reason, detail, advice } = classifyRefusal(error);
  return new RedisRefusedError(
    { command: typeof command === "string" ? command : undefined, reason, detail, advice },
    { cause: withoutArguments(error) },
  );
}

/** Waits for a command that may be skipped while Redis is full. True if it was carried out. */
export async function unlessFull(command: Promise<unknown>): Promise<boolean> {
  try {
    await command;
    return true;
  } catch (error) {
    if (classifyRefusal(error).reason === "memory") return false;
    throw error;
  }
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/\.$/, "").slice(0, 300);
}
