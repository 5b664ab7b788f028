/** How many items travel as one job. */

export interface ChunkSize {
  /** Number of items for the next chunk, at least 1. */
  next(): number;
  /** Takes account of a job: it ran `items` items in `ms`. */
  measured(items: number, ms: number): void;
  /**
   * How many jobs may go at once while its size is a guess, until a job of that size was measured; `Infinity` when it is
   * none.
   */
  readonly ahead: number;
  /** Says in words who chose the size, and from what. */
  why(): string;
}

/** Always `n` items. */
export function fixedChunks(n: number): ChunkSize {
  return {
    next: () => n,
    measured: () => {},
    ahead: Infinity,
    why: () => `a \`chunksize\` of ${n.toLocaleString("en")}`,
  };
}

/**
 * A job is worth this much run time: fifty times what it costs to bring one there and back where functions keep the
 * cores busy, and still short enough to spread the last ones well.
 */
const TARGET_MS = 50;

/** Larger chunks save nothing more, and V8 keeps arrays of more than 128 KiB apart, where each costs a system call. */
const MAX_CHUNKSIZE = 16_000;

/** Work of less time than this is not cut smaller to be spread: nobody waits for it as long as for another job. */
const NOT_SPREAD_MS = 0.5;

/** Before anything was measured: a chunk of a long function must not be large, and of a tiny one will soon be. */
const FIRST_CHUNKSIZE = 1;

/** So many of those for each worker go at once: enough to keep it busy, if the function is a long one after all. */
const FIRST_JOBS_PER_WORKER = 8;

/**
 * A size of more than so many times the largest that was measured is a guess too: most of what a short job takes is not
 * the function. Then so many jobs for each worker go at once, which keeps it busy meanwhile.
 */
const GROWTH = 4;
const GUESSED_JOBS_PER_WORKER = 4;

/** What was measured counts by its number of items: what is known is worth so many jobs of the largest size. */
const KNOWN_JOBS = 4;

/** A job of this many ms that is slower than what was known counts for half at least. What is shorter does no harm. */
const LONG_MS = TARGET_MS / 10;

/**
 * Follows the measured run time per item, and leaves the rest of a known input divisible among the workers.
 *
 * @param remaining - number of items not yet cut, or `undefined` if the input's length is not known
 * @param workers - number of processes that work on the queue
 */
export function autoChunks(remaining: () => number | undefined, workers: () => number): ChunkSize {
  let msPerItem: number | undefined;
  /** How many items what is known is worth. */
  let known = 0;
  let largestMeasured = 0;
  /** What the largest chunk was limited by: towards the end of the input they all become small. */
  let largest = FIRST_CHUNKSIZE;
  let limitedBy: "time" | "share" = "time";
  const processes = (): number => Math.max(1, workers());
  const next = (): number => {
    if (msPerItem === undefined) return FIRST_CHUNKSIZE;
    const byTime = Math.floor(TARGET_MS / Math.max(msPerItem, TARGET_MS / MAX_CHUNKSIZE));
    const left = remaining();
    // Guided self-scheduling (Polychronopoulos and Kuck, 1987): the last chunks are small, so that nobody waits long.
    const share = left === undefined ? Infinity : Math.ceil(left / (4 * processes()));
    const byShare = Math.max(share, Math.floor(NOT_SPREAD_MS / msPerItem));
    const size = Math.max(1, Math.min(byTime, byShare, MAX_CHUNKSIZE));
    if (size > largest) {
      largest = size;
      limitedBy = byShare < byTime ? "share" : "time";
    }
    return size;
  };
  return {
    next,
    get ahead() {
      if (msPerItem === undefined) return FIRST_JOBS_PER_WORKER * processes();
      return next() > GROWTH * largestMeasured ? GUESSED_JOBS_PER_WORKER * processes() : Infinity;
    },
    measured(items, ms) {
      const now = ms / items;
      const isSurprise = msPerItem !== undefined && now > msPerItem && ms >= LONG_MS;
      // Fast to shrink: a chunk too large holds up the end of the map, one too small costs little.
      if (isSurprise) known = Math.min(known, items);
      const weight = items / (items + known);
      msPerItem = (msPerItem ?? 0) * (1 - weight) + now * weight;
      largestMeasured = Math.max(largestMeasured, items);
      known = Math.min(known + items, KNOWN_JOBS * largestMeasured);
    },
    why() {
      if (msPerItem === undefined) return '`chunksize` "auto" had measured nothing yet';
      const measured = `\`chunksize\` "auto" measured ${Number(msPerItem.toPrecision(2))} ms an item`;
      if (largest === 1) return `${measured}, so that one is worth a job`;
      return limitedBy === "share"
        ? `${measured}, and left so many jobs that the workers (${workers()}) come to their end together`
        : `${measured}, and a job is worth ${TARGET_MS} ms of work`;
    },
  };
}
