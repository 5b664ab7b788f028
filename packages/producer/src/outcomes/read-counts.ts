/** What one read may bring of all streams, in bytes, as far as what came before tells. */
const READ_BYTES = 16 * 1024 * 1024;

/** A server that closes a connection because of less than this could not be worked with. */
const LEAST_READ_BYTES = 16 * 1024;

/** Entries of a stream that are read at once. */
const MAX_COUNT = 500;

/** Entries that are read at once before their size is known: an outcome may have 8 MiB. */
const FIRST_COUNT = 16;

/** After so long without a closed connection, reads may bring twice as much again: it may have been closed by chance. */
const GROW_MS = 60_000;

/**
 * How many entries of each stream to read at once: few while they are large, so that the memory for a read is bounded
 * whatever tasks return. Redis counts entries, not bytes.
 *
 * A server that gives less in one reply closes the connection of who asks for more. What it gives is found out by asking for
 * a quarter each time that a connection is closed in a read, whatever the reason was.
 */
export class ReadCounts {
  /** What one read may bring. */
  #bytes = READ_BYTES;
  /** When a connection was closed last, by the monotonic clock. */
  #cutAt = 0;
  /** A connection was closed, and what made it too much was not read yet. */
  #isCut = false;
  /** The largest entry of late, in characters: a quarter with each read that brings smaller ones. */
  #largest = READ_BYTES / FIRST_COUNT;

  /** What one read may bring, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** For a read of so many streams; at least one entry of each. */
  next(streams: number): number {
    const fits = Math.floor(this.#bytes / this.#largest / Math.max(1, streams));
    return Math.max(1, Math.min(fits, MAX_COUNT));
  }

  /** @param sizes - of the entries that a read has brought */
  saw(sizes: readonly number[]): void {
    // Where the server gives little, large entries are expected to come again.
    const decay = this.#bytes < READ_BYTES ? 1 : 4;
    this.#largest = Math.max(1, this.#largest / decay, ...sizes);
  }

  /** The connection was closed in a read. */
  cut(now: number): void {
    this.#bytes = Math.max(LEAST_READ_BYTES, this.#bytes / 4);
    this.#cutAt = now;
    this.#isCut = true;
  }

  /** All that the streams held was read. */
  caughtUp(): void {
    this.#isCut = false;
  }

  /** Whether a read of so many streams may bring too much, even if it brings one entry of each. */
  isTight(streams: number, now: number): boolean {
    if (this.#bytes === READ_BYTES) return false;
    if (!this.#isCut && now - this.#cutAt >= GROW_MS) {
      this.#bytes = Math.min(READ_BYTES, this.#bytes * 2);
      this.#cutAt = now;
    }
    return this.#isCut || this.#largest * streams > this.#bytes;
  }
}
