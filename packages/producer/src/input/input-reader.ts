/** Reads an input, never more items than are asked for. */

import { setImmediate } from "node:timers";

import type { ArgumentForm } from "@poolmq/shared/internal";

import type { AsyncSource, ItemSource } from "./input.ts";
import { isLongPause } from "./pause.ts";

const LATER = Symbol("later");

export class InputReader {
  readonly form: ArgumentForm;
  readonly #source: ItemSource;
  /** A read that an async input has not answered yet. */
  #pending: Promise<IteratorResult<unknown>> | undefined;
  /** When that read began, and the longest time that a read took, in ms. */
  #askedAt = 0;
  #longestMs = 0;
  /** Items that wait for the rest of their chunk. */
  #held: unknown[] = [];
  #end: "done" | { readonly error: unknown } | undefined;

  constructor(source: ItemSource) {
    this.form = source.form;
    this.#source = source;
  }

  /** Set once the input has ended, or has thrown. */
  get end(): "done" | { readonly error: unknown } | undefined {
    return this.#end;
  }

  /** True while an async input has not answered the last read. */
  get isSlow(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Whether an async input has left a read unanswered for long.
   *
   * @param since - when the count begins at the earliest. @param graceMs - how long each read may take
   */
  isSilent(now: number, since: number, graceMs: number): boolean {
    if (this.#pending === undefined) return false;
    return isLongPause({ at: this.#askedAt, longestMs: this.#longestMs }, now, since, graceMs);
  }

  /**
   * Gives the next items, at most `most`: fewer at the end, or if some are there and the next would have to be waited
   * for. Items that are available at once are given without a promise, which would cost measurable time for each item.
   *
   * @param wait - whether to wait for the first one
   * @param whole - whether to give all or none of them, except at the end
   */
  read(
    most: number,
    { wait, whole }: { readonly wait: boolean; readonly whole: boolean },
  ): unknown[] | Promise<unknown[]> {
    const items = this.#held;
    this.#held = [];
    if (this.#end !== undefined || items.length >= most) return items;
    const source = this.#source;
    if (source.kind === "async") return this.#readSlowly(source, items, { most, wait, whole });
    try {
      if (source.fill(items, most)) this.#end = "done";
    } catch (error) {
      // The items before the error are still run; then the map fails with this error.
      this.#end = { error };
    }
    return items;
  }

  async #readSlowly(
    source: AsyncSource,
    items: unknown[],
    { most, wait, whole }: { readonly most: number; readonly wait: boolean; readonly whole: boolean },
  ): Promise<unknown[]> {
    try {
      while (items.length < most && this.#end === undefined) {
        const next = (this.#pending ??= this.#ask(source));
        const patient = wait && (whole || items.length === 0);
        const result = await (patient ? next : Promise.race([next, nextTurn()]));
        if (result === LATER) break;
        this.#pending = undefined;
        this.#longestMs = Math.max(this.#longestMs, performance.now() - this.#askedAt);
        if (result.done === true) this.#end = "done";
        else items.push(result.value);
      }
    } catch (error) {
      this.#pending = undefined;
      this.#end = { error };
    }
    if (whole && items.length < most && this.#end === undefined) {
      this.#held = items;
      return [];
    }
    return items;
  }

  #ask(source: AsyncSource): Promise<IteratorResult<unknown>> {
    this.#askedAt = performance.now();
    return source.next();
  }

  /** Closes an input that was not read to its end, as `for … of` does. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#end = "done";
    this.#pending?.catch(() => {}); // its result is not needed any more
    try {
      const closed = this.#source.close();
      if (closed !== undefined) closed.catch(() => {});
    } catch {
      // Ignored: the map has ended for another reason, which is reported.
    }
  }
}

function nextTurn(): Promise<typeof LATER> {
  return new Promise((resolve) => setImmediate(resolve, LATER));
}
