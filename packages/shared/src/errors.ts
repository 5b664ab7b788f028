/** The errors that poolmq throws. Switch on `code`: `instanceof` fails between two copies of a package. */

import type { RemoteInfo } from "./wire.ts";

/** Base of every error that poolmq makes itself (errors of your own functions come back as themselves). */
export abstract class PoolmqError extends Error {
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
  readonly limit: string;
  readonly max: number;
  readonly got: number;

  constructor(facts: { what: string; limit: string; max: number; got: number; unit: string }) {
    super(
      `${facts.what} has ${facts.got} ${facts.unit}, more than \`${facts.limit}\` (${facts.max}). ` +
        `Raise \`${facts.limit}\`, or send less: a path or a key instead of the data.`,
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
