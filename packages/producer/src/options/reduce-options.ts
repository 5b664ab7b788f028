/** Options of `mapReduce`: those of a call, but for what has no meaning where results are folded. */

import { InvalidOptionError } from "@poolmq/shared";
import { inspectBriefly } from "@poolmq/shared/internal";

import type { CallOptions } from "./call-options.ts";

/**
 * Options of `mapReduce` and `starmapReduce`: those of a call (`CallOptions`), but for `mapId`, `keepMs`, `onResult` and
 * `buffersize`, and these.
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
   * Folds the results in the order of their items: an associative reducer is enough then. Without it, the reducer must be
   * commutative too. @defaultValue false
   */
  readonly ordered?: boolean | undefined;
  /** Folded before the first result, once; the value of an empty input. @defaultValue none: an empty input is an error */
  readonly initial?: R | undefined;
}

/** The options of a `mapReduce`, told apart. */
export interface ReadReduceOptions<R> {
  readonly ordered: boolean;
  /** Absent if the call gave none. A given one may be `undefined`, hence the object. */
  readonly initial: { readonly value: unknown } | undefined;
  /** The others, which are those of any call. */
  readonly call: CallOptions<R>;
  /** What is wrong with them: the call is to be refused with it. */
  readonly refusal: InvalidOptionError | undefined;
}

/** Options of other calls, and why they are none of this one. */
const REFUSED = {
  mapId: "the results are folded where they are made, and who takes the map up could not fold them",
  keepMs: "it goes with `mapId`",
  onResult: "results are folded where they are made, and do not come here one by one",
  buffersize: "it is for streams",
} as const;

/**
 * Tells the options of the fold from those of any call, which are checked where all calls begin.
 *
 * @param call - name of the pool's method
 * @param chunksize - of the pool, if it says. Chunks are what is folded, and a job of one item folds nothing: so the
 *   default is not that of other calls
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
