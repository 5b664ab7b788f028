/** What one read may bring of all streams, in bytes, as far as what came before tells. */
const READ_BYTES = 16 * 1024 * 1024;

/** Entries of a stream that are read at once. */
const MAX_COUNT = 500;

/** Entries that are read at once before their size is known: an outcome may have 8 MiB. */
const FIRST_COUNT = 16;

/**
 * How many entries of each stream to read at once: few while they are large, so that the memory for a read is bounded
 * whatever tasks return. Redis counts entries, not bytes.
 */
export class ReadCounts {
  /** The largest entry of late, in characters: a quarter with each read that brings smaller ones. */
  #largest = READ_BYTES / FIRST_COUNT;

  /** For a read of so many streams; at least one entry of each. */
  next(streams: number): number {
    const fits = Math.floor(READ_BYTES / this.#largest / Math.max(1, streams));
    return Math.max(1, Math.min(fits, MAX_COUNT));
  }

  /** @param sizes - of the entries that a read has brought */
  saw(sizes: readonly number[]): void {
    this.#largest = Math.max(1, this.#largest / 4, ...sizes);
  }
}
