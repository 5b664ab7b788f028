/** Counts what was taken from a map's stream of outcomes, and decides when the stream is to be trimmed. */

import type { Entry } from "../../outcomes/read-entry.ts";

/** A stream is trimmed after this many entries (or `TRIM_BYTES`) were taken: often enough to bound Redis's memory. */
const TRIM_EVERY = 250;
const TRIM_BYTES = 4 * 1024 * 1024;

export class Taken {
  /** When it was begun here, by the monotonic clock. */
  readonly since: number = performance.now();
  #length = 0;
  #entriesSinceTrim = 0;
  #lengthAtTrim = 0;

  /** Length of the outcomes, including bytes. */
  get length(): number {
    return this.#length;
  }

  /** Counts entries that were taken. Gives whether the stream should be trimmed now. */
  count(entries: readonly Entry[]): boolean {
    for (const entry of entries) {
      if ("text" in entry) this.#length += entry.text.length + (entry.bytes?.length ?? 0);
    }
    this.#entriesSinceTrim += entries.length;
    return this.#entriesSinceTrim >= TRIM_EVERY || this.#length - this.#lengthAtTrim >= TRIM_BYTES;
  }

  /** Notes that the stream was trimmed. */
  trimmed(): void {
    this.#entriesSinceTrim = 0;
    this.#lengthAtTrim = this.#length;
  }
}
