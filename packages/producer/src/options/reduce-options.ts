/** Options of `mapReduce`: those of a call, except for those that have no meaning where results are folded. */

import { InvalidOptionError } from "@poolmq/shared";
import { inspectBriefly } from "@poolmq/shared/internal";

import type { CallOptions } from "./call-options.ts";

/**
 * Options of `mapReduce` and `starmapReduce`: those of a call (`CallOptions`) except `mapId`, `keepMs`, `onResult` and
 * `buffersize`, and the following.
 *
 * @typeParam R - type of one result
 */
export interface ReduceOptions<R = unknown> extends Omit<
  CallOptions<R>,
  "mapId" | "keepMs" | "onResult" | "buffersize"
> {
  /** Items per job, or `"auto"`. What the task's definition says is not used. @defaultValue the pool's, or `"auto"` */
  readonly chunksize?: number | "auto" | undefined;
  /**
   * Folds the results in the order of their items, so that the reducer need only be associative. Without it, the reducer
   * must be commutative too. @defaultValue false
   */
  readonly ordered?: boolean | undefined;
  /** Folded before the first result, once; the value of an empty input. @defaultValue none: an empty input is an error */
  readonly initial?: R | undefined;
}

/** The options of a `mapReduce`, divided. */
export interface ReadReduceOptions<R> {
  readonly ordered: boolean;
  /** Absent if the call gave none. A given one may be `undefined`, hence the object. */
  readonly initial: { readonly value: unknown } | undefined;
  /** The options that any call has. */
  readonly call: CallOptions<R>;
  /** The error with which the call is to be refused, if options are wrong. */
  readonly refusal: InvalidOptionError | undefined;
}

/** Options of other calls that `mapReduce` does not have, and why. */
const REFUSED = {
  mapId: "the results are folded where they are made, and who takes the map up could not fold them",
  keepMs: "it goes with `mapId`",
  onResult: "results are folded where they are made, and do not come here one by one",
  buffersize: "it is for streams",
} as const;

/**
 * Divides the options into those of the fold and those that any call has, which are checked where all calls begin.
 *
 * @param call - name of the pool's method
 * @param chunksize - the pool's option, if it was given. The default differs from that of other calls, because workers
 * fold the items of a chunk, and a job of one item folds nothing
 */
export function readReduceOptions<R>(
  call: string,
  options: ReduceOptions<R> = {},
  chunksize: number | "auto" = "auto",
): ReadReduceOptions<R> {
  const { ordered = false, initial: value, ...rest } = options;
  return {
    ordered,
    initial: Object.hasOwn(options, "initial") ? { value } : undefined,
    call: { ...rest, chunksize: rest.chunksize ?? chunksize },
    refusal: refusalOf(call, { ...rest, ordered }),
  };
}

function refusalOf(call: string, options: Readonly<Record<string, unknown>>): InvalidOptionError | undefined {
  for (const [name, why] of Object.entries(REFUSED)) {
    if (options[name] === undefined) continue;
    return new InvalidOptionError(`Expected no \`${name}\` in the options of ${call}(): ${why}`);
  }
  const { ordered } = options;
  if (typeof ordered === "boolean") return undefined;
  return new InvalidOptionError(`Expected \`ordered\` to be true or false, got ${inspectBriefly(ordered)}`);
}
