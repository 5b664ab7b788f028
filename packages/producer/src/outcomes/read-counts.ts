import { LARGE_VALUE_BYTES } from "@poolmq/shared/redis";

/** The size that one read of all streams should have, in bytes, estimated from earlier entries. */
const READ_BYTES = 16 * 1024 * 1024;

/** Reads do not become smaller than this: a server that refuses even these can't be used. */
const LEAST_READ_BYTES = 16 * 1024;

/** The most entries of a stream that are read at once. One may hold the outcomes of a hundred jobs. */
const MAX_COUNT = 100;

/** Entries that are read at once before their size is known. It is few, because an outcome may have 8 MiB. */
const FIRST_COUNT = 16;

/**
 * After this long without a closed connection, in ms, reads may be twice as large again: the connection may have been
 * closed for another reason.
 */
const GROW_MS = 60_000;

/**
 * Decides how many entries of each stream to read at once: few while they are large, so that the memory for a read is
 * bounded whatever tasks return. Redis can only be told a number of entries, not of bytes.
 *
 * A server with a limit for replies closes the connection when one is larger. So each time that a connection is closed
 * during a read, for whatever reason, reads become a quarter of their size.
 */
export class ReadCounts {
  /** The size that one read may have, in bytes. */
  #bytes = READ_BYTES;
  /** When a connection was closed last, by the monotonic clock. */
  #cutAt = 0;
  /** Whether a connection was closed, and the entries of that read were not read yet. */
  #isCut = false;
  /** The largest recent entry, in characters. It is quartered with each read of smaller entries. */
  #largest = READ_BYTES / FIRST_COUNT;

  /** Whether the last read brought an entry that is worth to be read in a way of its own (`readOnce`). */
  #isLarge = false;

  /** The size that one read may have, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the last read brought a large entry. */
  get isLarge(): boolean {
    return this.#isLarge;
  }

  /** Number of entries of each stream, for a read of `streams` streams; at least 1. */
  next(streams: number): number {
    const fits = Math.floor(this.#bytes / this.#largest / Math.max(1, streams));
    return Math.max(1, Math.min(fits, MAX_COUNT));
  }

  /** @param sizes - of the entries that a read has brought */
  saw(sizes: readonly number[]): void {
    // If the server limits replies, the estimate stays, because large entries are expected again.
    this.#isLarge = sizes.some((size) => size >= LARGE_VALUE_BYTES);
    const decay = this.#bytes < READ_BYTES ? 1 : 4;
    this.#largest = Math.max(1, this.#largest / decay, ...sizes);
  }

  /** Notes that the connection was closed during a read. */
  cut(now: number): void {
    this.#bytes = Math.max(LEAST_READ_BYTES, this.#bytes / 4);
    this.#cutAt = now;
    this.#isCut = true;
  }

  /** Notes that everything in the streams was read. */
  caughtUp(): void {
    this.#isCut = false;
  }

  /** Whether a read of `streams` streams may be too large even with one entry of each. */
  isTight(streams: number, now: number): boolean {
    if (this.#bytes === READ_BYTES) return false;
    if (!this.#isCut && now - this.#cutAt >= GROW_MS) {
      this.#bytes = Math.min(READ_BYTES, this.#bytes * 2);
      this.#cutAt = now;
    }
    return this.#isCut || this.#largest * streams > this.#bytes;
  }
}
