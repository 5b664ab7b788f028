/** How many items travel as one job. */

export interface ChunkSize {
  /** Number of items for the next chunk, at least 1. */
  next(): number;
  /** Takes account of a job: it ran `items` items in `ms`. */
  measured(items: number, ms: number): void;
  /** Nothing was measured that it needs to know: what it says is a guess. */
  readonly isGuess: boolean;
  /** Says in words who chose the size, and from what. */
  why(): string;
}

/** Always `n` items. */
export function fixedChunks(n: number): ChunkSize {
  return {
    next: () => n,
    measured: () => {},
    isGuess: false,
    why: () => `a \`chunksize\` of ${n.toLocaleString("en")}`,
  };
}

/**
 * A job is worth this much run time: a hundred times what it costs to bring one there and back, and still short enough
 * to spread the last ones well.
 */
const TARGET_MS = 20;

const MAX_CHUNKSIZE = 20_000;

/** Before anything was measured: a chunk of a long function must not be large, and of a tiny one will soon be. */
const FIRST_CHUNKSIZE = 1;

/**
 * Follows the measured run time per item, and leaves the rest of a known input divisible among the workers.
 *
 * @param remaining - number of items not yet cut, or `undefined` if the input's length is not known
 * @param workers - number of processes that work on the queue
 */
export function autoChunks(remaining: () => number | undefined, workers: () => number): ChunkSize {
  let msPerItem: number | undefined;
  /** What the largest chunk was limited by: towards the end of the input they all become small. */
  let largest = FIRST_CHUNKSIZE;
  let limitedBy: "time" | "share" = "time";
  return {
    get isGuess() {
      return msPerItem === undefined;
    },
    next() {
      if (msPerItem === undefined) return FIRST_CHUNKSIZE;
      const byTime = Math.floor(TARGET_MS / Math.max(msPerItem, TARGET_MS / MAX_CHUNKSIZE));
      const left = remaining();
      // Guided self-scheduling (Polychronopoulos and Kuck, 1987): the last chunks are small, so that nobody waits long.
      const byShare = left === undefined ? byTime : Math.ceil(left / (4 * Math.max(1, workers())));
      const size = Math.max(1, Math.min(byTime, byShare, MAX_CHUNKSIZE));
      if (size > largest) {
        largest = size;
        limitedBy = byShare < byTime ? "share" : "time";
      }
      return size;
    },
    measured(items, ms) {
      const now = ms / items;
      // Fast to shrink, slow to grow: a chunk too large holds up the end of the map, one too small costs little.
      const weight = msPerItem === undefined ? 1 : now > msPerItem ? 0.5 : 0.2;
      msPerItem = (msPerItem ?? 0) * (1 - weight) + now * weight;
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
