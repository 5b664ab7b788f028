/**
 * Encodes the outcomes of a job's items. A result that can't be sent becomes that item's error. Nothing here throws,
 * unless a task has broken the encoder.
 */

import { Attachments, encode, encodeEach, encodeThrown, LimitError } from "@poolmq/shared/task";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/task";

import type { Ran, RanItems } from "./ran-items.ts";
import { isCodecSound } from "./sound-codec.ts";
import { noFrames, userFrames } from "./user-frames.ts";

// Kept from before any task is loaded, since a task may replace the global's methods.
const { stringify } = JSON;

/** The limit of one item's outcome, and the name that users know it by. */
export interface OutcomeLimit {
  readonly maxBytes: number;
  readonly limit: string;
  /** It also limits all outcomes of a job together. @defaultValue their limit is what V8 and Redis take */
  readonly isForJob?: true;
}

/** The outcomes of the items; of a careful run, only those that its watcher has not reported. */
export interface ChunkRan {
  readonly text: OutcomeText;
  /** The bytes that the text names. */
  readonly bytes?: Buffer | undefined;
  readonly retriable: number;
  /** Only this many items, from the first on, were run: the others were taken back before they began. */
  readonly cut?: number | undefined;
  /** How long it took, in ms, if somebody has measured it already. */
  readonly ms?: number;
  /** This job's part of `ms`, if its items were given to the function together with others. */
  readonly ownMs?: number;
}

/** Takes each thrown value whose stack is not sent. Must not throw. */
export type KeepStack = (thrown: unknown, by: RemoteInfo) => void;

/**
 * The outcomes of a job pass through pipe and Redis as one text, which is limited to this, well below the limits of Redis
 * and V8. Results for which there is no room become errors.
 */
const MAX_JOB_BYTES = 160 * 1024 * 1024;

/** One for each run of a job. */
export class OutcomeWriter {
  readonly #limit: OutcomeLimit | undefined;
  readonly #keepStack: KeepStack | undefined;
  readonly #attachments = new Attachments();
  #written = 0;

  /** @param keepStack - given if stacks are not sent: it takes each thrown value, so that the stack is not lost */
  constructor(limit: OutcomeLimit | undefined, keepStack: KeepStack | undefined) {
    this.#limit = limit;
    this.#keepStack = keepStack;
  }

  /** Encodes the outcomes of all items of a run. */
  writeAll(ran: RanItems, info: (offset: number) => RemoteInfo): ChunkRan {
    const results = ran.failures.size === 0 ? this.writeResults(ran.values) : undefined;
    return (
      results ??
      this.writeEach(ran, (item, offset, attachments) => this.write(item, info(offset), attachments))
    );
  }

  /**
   * Encodes results together. Gives `undefined` if they can't be sent as they are; encoding them one by one then says
   * why.
   */
  writeResults(values: readonly unknown[]): ChunkRan | undefined {
    const attachments = this.#attachments;
    try {
      const payload = encodeEach(values, { role: "result", ...this.#limit, attachments });
      return { text: `=${payload}`, bytes: attachments.bytes, retriable: 0 };
    } catch {
      attachments.cut(0);
      return undefined;
    }
  }

  /** Encodes an outcome for each item of a run, by `write`. */
  writeEach(
    ran: RanItems,
    write: (item: Ran, offset: number, attachments: Attachments) => ItemOutcome,
  ): ChunkRan {
    const attachments = this.#attachments;
    const outcomes = ran.each().map(([offset, item]) => write(item, offset, attachments));
    const retriable = outcomes.filter((outcome) => outcome.s === "threw" && outcome.final !== true).length;
    return { text: `!${stringify(outcomes)}`, bytes: attachments.bytes, retriable };
  }

  /**
   * Encodes the outcome of one item.
   *
   * @param attachments - takes a large result, if there is a place beside the text
   */
  write(item: Ran, by: RemoteInfo, attachments?: Attachments): ItemOutcome {
    if (!item.ok) {
      this.#keepStack?.(item.thrown, by);
      const trimStack = this.#keepStack === undefined ? userFrames : noFrames;
      const thrown = encodeThrown(item.thrown, { trimStack, ...this.#limit });
      this.#written += thrown.length;
      return item.retriable ? { s: "threw", thrown, by } : { s: "threw", thrown, by, final: true };
    }
    const attached = attachments?.length ?? 0;
    try {
      const value = encode(item.value, { role: "result", ...this.#limit, attachments });
      this.#checkRoom(value.length + (attachments?.length ?? 0) - attached);
      return { s: "ok", value };
    } catch (error) {
      attachments?.cut(attached);
      // If a task has damaged this process, the item of another task must not fail for it: throw, so that the process is
      // replaced.
      if (!(error instanceof LimitError) && !isCodecSound()) throw error;
      // `final`: another attempt would give the same value.
      return { s: "threw", thrown: encodeThrown(error, { trimStack: noFrames }), by, final: true };
    }
  }

  #checkRoom(length: number): void {
    const got = this.#written + length;
    const { maxBytes, limit, isForJob } = this.#limit ?? {};
    const max = isForJob === true ? (maxBytes ?? MAX_JOB_BYTES) : MAX_JOB_BYTES;
    if (got > max) {
      throw new LimitError({
        what: "The chunk of this item, with its encoded result,",
        limit: isForJob === true ? (limit ?? "") : "maxJobOutcomeBytes",
        max,
        got,
        unit: "bytes",
        advice: "Give a smaller `chunksize`",
      });
    }
    this.#written = got;
  }
}
