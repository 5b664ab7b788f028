import { InvalidOptionError } from "../errors/call-errors.ts";
import { inspectBriefly } from "../errors/inspect-briefly.ts";
import { checkInteger, checkOptions } from "./check-options.ts";
import type { Limit } from "../wire.ts";

/** Long enough for a URL, or for the name of a service with that of a customer. */
const MAX_KEY_LENGTH = 200;

const MAX = 2 ** 31 - 1;

/** One start in about a quarter of an hour. Rarer starts are the business of a scheduler. */
const MIN_RATE = 0.001;

/** Gives the limit, or `undefined` if none was given. @throws InvalidOptionError */
export function checkLimit(limit: unknown): Limit | undefined {
  if (limit === undefined) return undefined;
  checkOptions(limit as object, "`limit` option", ["key", "concurrency", "ratePerSecond"]);
  const { key, concurrency, ratePerSecond } = limit as Partial<Limit>;
  if (typeof key !== "string" || key.length === 0 || key.length > MAX_KEY_LENGTH) {
    throw new InvalidOptionError(
      `Expected \`limit.key\` to be a text of 1 to ${MAX_KEY_LENGTH} characters, got ${inspectBriefly(key)}`,
    );
  }
  if (concurrency === undefined && ratePerSecond === undefined) {
    throw new InvalidOptionError(
      "Expected `limit` to have `concurrency`, `ratePerSecond` or both, got neither",
    );
  }
  return {
    key,
    ...(concurrency === undefined
      ? {}
      : { concurrency: checkInteger("limit.concurrency", concurrency, { min: 1, max: MAX }) }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond: checkRate(ratePerSecond) }),
  };
}

function checkRate(rate: unknown): number {
  if (typeof rate === "number" && rate >= MIN_RATE && rate <= MAX) return rate;
  throw new InvalidOptionError(
    `Expected \`limit.ratePerSecond\` to be a number from ${MIN_RATE} to ${MAX}, got ${inspectBriefly(rate)}`,
  );
}
