/** What the caller of a pool meets: wrong options, a call at the wrong time, a map that was cancelled or is not there. */

import { PoolmqError } from "./poolmq-error.ts";
import { inspectBriefly } from "./inspect-briefly.ts";

/** An option or argument is not what was expected. Nothing was enqueued. */
export class InvalidOptionError extends PoolmqError {
  readonly code = "INVALID_OPTION";
}

/** `mapReduce` had nothing to fold: the input had no items, and the call no `initial` to return instead. */
export class EmptyInputError extends PoolmqError {
  readonly code = "EMPTY_INPUT";

  constructor(facts: { call: string }) {
    super(
      `${facts.call}() was given no items, and no \`initial\`: there is nothing to fold. Give \`initial\`, which is the value of an empty input.`,
    );
  }
}

/** The method can't be called in the object's present state. */
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

/** `get({ timeoutMs })` ran out of time. The map goes on, and can be asked again. */
export class GetTimeoutError extends PoolmqError {
  readonly code = "GET_TIMEOUT";

  constructor(facts: { mapId: string; timeoutMs: number }) {
    super(
      `Map ${facts.mapId} has not ended within ${facts.timeoutMs} ms. It goes on; ask again, or cancel it.`,
    );
  }
}

/** The map was cancelled, by its handle, its signal, or the pool's `terminate()`. */
export class CancelledError extends PoolmqError {
  readonly code = "CANCELLED";

  constructor(facts: { mapId: string; reason?: unknown }) {
    const { reason } = facts;
    const why = reason === undefined ? "" : `: ${textOf(reason)}`;
    super(`Map ${facts.mapId} was cancelled${why}`, reason === undefined ? undefined : { cause: reason });
  }
}

/** A task called a pool on the queue that it runs on itself. It would wait for a free process while it occupies one. */
export class NestedPoolError extends PoolmqError {
  readonly code = "NESTED_POOL";

  constructor(facts: { queue: string; call: string }) {
    super(
      `${facts.call}() was called in a task of queue "${facts.queue}", on that same queue: once every process waits like this, nothing can run. ` +
        "Give the inner pool another `queue`, with workers of its own, or `processes`.",
    );
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

/** There is no map of this id: it never was, was delivered, its time has passed, or Redis has lost it. */
export class UnknownMapError extends PoolmqError {
  readonly code = "UNKNOWN_MAP";

  constructor(facts: { mapId: string }) {
    super(
      `There is no map "${facts.mapId}" on this queue. It was never started with \`mapId\`, was delivered already, was not asked for in time, or Redis has lost it.`,
    );
  }
}

/** A durable map can't be completed from what is in Redis, which may have lost all of it. */
export class IncompleteMapError extends PoolmqError {
  readonly code = "INCOMPLETE_MAP";

  constructor(facts: { mapId: string; reason: string }) {
    super(
      `Map "${facts.mapId}" can't be completed by attach(): ${facts.reason}. ` +
        "Call the same map again, with the same `mapId` and items: it goes on where the other one stopped.",
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

/** A reason that the program gave may throw when it is read. That must not keep a map from ending. */
function textOf(reason: unknown): string {
  try {
    if (typeof reason === "string") return reason;
    const message: unknown = reason instanceof Error ? reason.message : undefined;
    if (typeof message === "string") return message;
  } catch {
    // The reason can't be read: fall back on what can be shown of it.
  }
  return inspectBriefly(reason);
}
