/**
 * Folds the results of a job's items where they are made, so that one value travels in place of many.
 *
 * The function here replaces the task: it calls the task, and folds the result into that of the items before. It returns
 * only the value into which the item's result was folded. So an item's time limit, its async context and its charge for a
 * lost process cover the reducer's call too.
 *
 *   items    0   1   2   3✗  4   5       item 3 failed, and may be tried again: neighbours only are folded,
 *   values   └───┴───┘       └───┘       so that what it gives then can still be put between the others
 *
 * The reducer may change its first argument and give it back. So a value that it failed on can't be trusted any more: all
 * items whose results are in it fail with the reducer's error.
 */

import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/task";

import type { TaskFunction } from "../tasks-module/task-module.ts";
import type { ChunkRan, OutcomeWriter } from "./outcome-writer.ts";
import { RanItems } from "./ran-items.ts";
import type { Ran } from "./ran-items.ts";
import { isRetriable, pendingOf } from "./run-item.ts";

/** The results of consecutive items, folded into one. */
class Folded {
  value: unknown;
  items = 1;
  /** The reducer failed on it. */
  failure: Extract<Ran, { ok: false }> | undefined;

  constructor(first: unknown) {
    this.value = first;
  }
}

/** The outcome of an item whose result is in the value of an item before it. */
const IN_ANOTHER: ItemOutcome = { s: "ok", value: "null", folded: true };

/** Folds for one run of a job whose results may be folded, and of which all items are run. */
export class ResultFold {
  /** To be called for each item, in order, in place of the task. */
  readonly task: TaskFunction;
  readonly #fn: TaskFunction;
  readonly #reducer: TaskFunction;
  readonly #writer: OutcomeWriter;
  /** The value into which the next result is folded; `undefined` at the beginning, and after an item that failed. */
  #open: Folded | undefined;
  /** Of a careful run: takes each result before it is folded. */
  readonly #report: ((value: unknown) => void) | undefined;
  /** The outcome of the last item by itself. */
  #own: ItemOutcome | undefined;

  /**
   * @param isWatched - report each item's own outcome too: if the process is lost, these remain
   * @param info - called when an item has ended
   */
  constructor(
    { fn, reducer }: { readonly fn: TaskFunction; readonly reducer: TaskFunction },
    writer: OutcomeWriter,
    isWatched: boolean,
    info: (offset: number) => RemoteInfo,
  ) {
    this.#fn = fn;
    this.#reducer = reducer;
    this.#writer = writer;
    let offset = 0;
    // Reported before it is folded, because the reducer may change it.
    if (isWatched) {
      this.#report = (value) => (this.#own = writer.write({ ok: true, value }, info(offset - 1)));
    }
    const task: TaskFunction = (...args) => {
      offset++;
      return this.#run(args);
    };
    // It has the options of the task's definition, which say whether an error is worth another attempt.
    this.task = Object.defineProperties<TaskFunction>(task, Object.getOwnPropertyDescriptors(fn));
  }

  /** Encodes the outcomes of all items of a run that is not careful. */
  writeAll(ran: RanItems, info: (offset: number) => RemoteInfo): ChunkRan {
    const [first] = ran.values;
    if (first instanceof Folded && first.failure === undefined && first.items === ran.values.length) {
      const whole = this.#writeWhole(first);
      if (whole !== undefined) return whole;
    }
    const written = new Set<Folded>();
    return this.#writer.writeEach(ran, (item, offset, attachments) => {
      const folded = item.ok && item.value instanceof Folded ? item.value : undefined;
      if (folded === undefined) return this.#writer.write(item, info(offset), attachments);
      if (written.has(folded)) return IN_ANOTHER;
      if (folded.failure !== undefined) return this.#writer.write(folded.failure, info(offset), attachments);
      written.add(folded);
      return this.#writer.write({ ok: true, value: folded.value }, info(offset), attachments);
    });
  }

  /** Encodes the outcome of an item of a careful run by itself. */
  write(item: Ran, by: RemoteInfo): ItemOutcome {
    return item.ok && this.#own !== undefined ? this.#own : this.#writer.write(item, by);
  }

  /**
   * What a careful run of `n` items sends at its end, in addition to its reports: the folded results, if all succeeded.
   */
  writeWatched(n: number): { readonly text: OutcomeText; readonly bytes?: Buffer | undefined } {
    const nothing = { text: "" };
    if (this.#open?.items !== n) return nothing;
    return this.#writeWhole(this.#open) ?? nothing;
  }

  /** Gives `undefined` if the value can't be sent. */
  #writeWhole({ value }: Folded): ChunkRan | undefined {
    const one = new RanItems();
    one.returned(value);
    return this.#writer.writeResults(one.values);
  }

  #run(args: readonly unknown[]): unknown {
    let value: unknown;
    try {
      value = this.#fn(...args);
    } catch (thrown) {
      this.#open = undefined;
      throw thrown;
    }
    const pending = pendingOf(value);
    if (pending === undefined) return this.#fold(value);
    return promiseOf(pending).then(
      (result) => this.#fold(result),
      (thrown: unknown) => {
        this.#open = undefined;
        throw thrown;
      },
    );
  }

  #fold(result: unknown): unknown {
    this.#report?.(result);
    const open = this.#open;
    if (open === undefined) return (this.#open = new Folded(result));
    const put = (value: unknown): Folded => {
      open.value = value;
      open.items++;
      return open;
    };
    const fail = (thrown: unknown): never => {
      open.failure = { ok: false, thrown, retriable: isRetriable(this.#fn, thrown) };
      this.#open = undefined;
      throw thrown;
    };
    let value: unknown;
    try {
      value = this.#reducer(open.value, result);
    } catch (thrown) {
      return fail(thrown);
    }
    const pending = pendingOf(value);
    return pending === undefined ? put(value) : promiseOf(pending).then(put, fail);
  }
}

function promiseOf(pending: PromiseLike<unknown>): Promise<unknown> {
  return pending instanceof Promise ? pending : Promise.resolve(pending);
}
