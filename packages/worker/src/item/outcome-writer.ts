/**
 * Writes down what became of a job's items. A result that can't be sent is that item's error: nothing here throws, unless a
 * task has broken what writes.
 */

import { Attachments, encode, encodeEach, encodeThrown, LimitError } from "@poolmq/shared/task";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/task";

import type { Ran, RanItems } from "./ran-items.ts";
import { isCodecSound } from "./sound-codec.ts";
import { noFrames, userFrames } from "./user-frames.ts";

// Taken hold of before any task is loaded: a task may put something else in its place.
const { stringify } = JSON;

/** The limit of one item's outcome, and the name that users know it by. */
export interface OutcomeLimit {
  readonly maxBytes: number;
  readonly limit: string;
  /** The limit of all outcomes of a job together, if it is the same one. @defaultValue what V8 and Redis take */
  readonly isForJob?: true;
}

/** What the items came to; of a watched run, nothing that the watcher was not told. */
export interface ChunkRan {
  readonly text: OutcomeText;
  /** That the text names. */
  readonly bytes?: Buffer | undefined;
  readonly retriable: number;
  /** Only the first so many items were run: the others were given away before they began. */
  readonly cut?: number | undefined;
  /** How long it took, in ms, if somebody has measured it already. */
  readonly ms?: number;
  /** The part of that which is its own, if its items were given to the function together with others. */
  readonly ownMs?: number;
}

/** Takes what was thrown where its stack is not sent. Must not throw. */
export type KeepStack = (thrown: unknown, by: RemoteInfo) => void;

/**
 * The outcomes of a job go through pipe and Redis as one text. Beyond this, the other items of a chunk have no room in it:
 * well below what Redis and V8 take for one text.
 */
const MAX_JOB_BYTES = 160 * 1024 * 1024;

/** One for each run of a job. */
export class OutcomeWriter {
  readonly #limit: OutcomeLimit | undefined;
  readonly #keepStack: KeepStack | undefined;
  readonly #attachments = new Attachments();
  #written = 0;

  /** @param keepStack - stacks are not sent: is given each thrown value, so that its stack is not lost */
  constructor(limit: OutcomeLimit | undefined, keepStack: KeepStack | undefined) {
    this.#limit = limit;
    this.#keepStack = keepStack;
  }

  /** Writes down what all items of a run came to. */
  writeAll(ran: RanItems, info: (offset: number) => RemoteInfo): ChunkRan {
    const results = ran.failures.size === 0 ? this.writeResults(ran.values) : undefined;
    return (
      results ??
      this.writeEach(ran, (item, offset, attachments) => this.write(item, info(offset), attachments))
    );
  }

  /** Writes down results. Gives `undefined` if they can't be sent as they are: writing them one by one says why. */
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

  /** Writes down one outcome for each item of a run, as `write` has it. */
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
   * Writes down what one item came to.
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
      // What a task did to this process is no reason to fail an item of another: the process is replaced.
      if (!(error instanceof LimitError) && !isCodecSound()) throw error;
      // Trying again would give the same value.
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
