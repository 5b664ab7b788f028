/** What becomes of a single item: it could not be sent, run, or read. Other items of its map are not affected. */

import { inspectBriefly } from "./inspect-briefly.ts";
import { nearest } from "./nearest.ts";
import { PoolmqError } from "./poolmq-error.ts";
import type { RemoteInfo } from "../wire.ts";

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
  /** The value that exceeded it. */
  readonly got: number;

  constructor(facts: {
    what: string;
    limit: string;
    max: number;
    got: number;
    unit: string;
    /** Advice for the end of the message. @defaultValue to raise the option */
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

/** The arguments of an item are not what the task's definition says (`input` of `defineTask`). It is not tried again. */
export class InvalidArgumentsError extends PoolmqError {
  readonly code = "INVALID_ARGUMENTS";
  /** What is wrong, and where: `[0].user.name` is in the first argument. */
  readonly issues: readonly { readonly path: string; readonly message: string }[];

  constructor(facts: {
    task: string;
    issues: readonly { readonly path: string; readonly message: string }[];
  }) {
    const list = facts.issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    super(`The arguments of ${facts.task || "a task"} are not what its definition says: ${list}`);
    this.issues = facts.issues;
  }
}

/**
 * The function of a batch task (`defineBatchTask`) has not returned one result or error for each item, so that nobody
 * knows which is whose. None of the items of that batch is tried again.
 */
export class BatchResultError extends PoolmqError {
  readonly code = "BATCH_RESULT";
  /** How many items the function was given. */
  readonly expected: number;
  /** How many results it returned; `undefined` if it returned no array. */
  readonly got: number | undefined;

  constructor(facts: { expected: number; got: unknown }) {
    const { expected, got } = facts;
    const length = Array.isArray(got) ? got.length : undefined;
    const items = expected === 1 ? "1 item" : `${expected} items`;
    super(
      `The function of a batch task was given ${items}: expected an array of ${expected} results or errors, in the order of the items, got ` +
        (length === undefined ? inspectBriefly(got) : `one of ${length}`),
    );
    this.expected = expected;
    this.got = length;
  }
}

/** Text that came from Redis or a pipe can't be decoded. */
export class DecodeError extends PoolmqError {
  readonly code = "DECODE";
}

/** An item took down its worker process too often. */
export class WorkerLostError extends PoolmqError {
  readonly code = "WORKER_LOST";
  /** How many processes it took down. */
  readonly losses: number;
  /** Exit code of the last process; `null` if a signal ended it, or it vanished with its machine. */
  readonly exitCode: number | null;
  /** Signal that ended the last process, such as `"SIGKILL"`; `null` if it exited. */
  readonly signal: string | null;
  /** True if the process had used up its memory. */
  readonly outOfMemory: boolean;

  constructor(facts: {
    by: RemoteInfo;
    losses: number;
    exitCode: number | null;
    signal: string | null;
    outOfMemory: boolean;
    /** The uncaught error, if that ended the last process. */
    cause?: unknown;
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
      "cause" in facts ? { cause: facts.cause } : undefined,
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

  /** @param facts - with `advice` if the pool may have been meant to call other workers */
  constructor(facts: { task: string; known: readonly string[]; advice?: string | undefined }) {
    const meant = nearest(facts.task, facts.known);
    super(
      `No worker has registered a function "${facts.task}". ` +
        (meant === undefined ? "" : `Did you mean "${meant}"? `) +
        `Registered: ${facts.known.length === 0 ? "none" : facts.known.join(", ")}. ` +
        "A task is named by its export in the workers' tasks module." +
        (facts.advice === undefined ? "" : ` ${facts.advice}.`),
    );
    this.task = facts.task;
    this.known = facts.known;
  }
}

/** No live worker has the version of the tasks' code that the call asked for with `codeVersion`. */
export class CodeVersionError extends PoolmqError {
  readonly code = "CODE_VERSION";
  /** The version that was asked for. */
  readonly asked: string;
  /** Versions that live workers have told of. */
  readonly known: readonly string[];

  constructor(facts: { task: string; asked: string; known: readonly string[] }) {
    const { asked, known } = facts;
    super(
      `No live worker runs ${facts.task} in version "${asked}" of its code. ` +
        `Versions that are there: ${known.length === 0 ? "none was given to any worker" : known.join(", ")}. ` +
        `Start workers with --code-version ${asked}, or ask for another \`codeVersion\`.`,
    );
    this.asked = asked;
    this.known = known;
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

/** A shared value is not there: it was released, its pool was closed, has other workers, or Redis lost it. */
export class SharedValueGoneError extends PoolmqError {
  readonly code = "SHARED_VALUE_GONE";

  constructor(facts: { shareId: string }) {
    super(
      `Shared value ${facts.shareId} is not there: it was released, the pool that shared it was closed or has other workers, or Redis lost it`,
    );
  }
}
