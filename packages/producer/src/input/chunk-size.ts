/** How many items travel as one job. */

export interface ChunkSize {
  /** Number of items for the next chunk, at least 1. */
  next(): number;
  /** Notes a job, which ran `items` items in `ms`, and whose outcome has `bytes` bytes. */
  measured(items: number, ms: number, bytes: number): void;
  /**
   * How many jobs may be sent while their size is a guess, because no job of that size was measured yet. `Infinity` once
   * the size is known to be good.
   */
  readonly ahead: number;
  /** Says in words what determined the size. */
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
 * The run time that a job should have, in ms. While functions compute, a job that comes alone costs about 2 ms of the CPU
 * time of producer, Redis and supervisor, and this is a hundred times as much. It is still short enough for other maps,
 * which wait for its end, and the last jobs are smaller.
 */
const TARGET_MS = 200;

/**
 * The largest chunk. Larger ones save nothing more, and V8 allocates arrays of more than 128 KiB with a system call each.
 */
const MAX_CHUNKSIZE = 16_000;

/**
 * The outcome that a job should have at most, in bytes. To bring it takes some ms, beside which the cost of a job is small; and
 * the outcome of a job passes through pipe and Redis in one piece, which both of them, and who runs Redis, limit.
 */
const TARGET_BYTES = 512 * 1024;

/**
 * Towards the end, chunks become smaller so that they can be spread, but not below this much work, in ms: another job
 * would cost more.
 */
const NOT_SPREAD_MS = 0.5;

/**
 * The size before anything was measured. It is small, because the function may take long; for a tiny function it soon
 * grows.
 */
const FIRST_CHUNKSIZE = 1;

/** Jobs of that size that are sent for each worker at once: enough to keep it busy if the function takes long. */
const FIRST_JOBS_PER_WORKER = 8;

/**
 * A size above `GROWTH` times the largest measured one is a guess too, because most of a short job's time is not spent in
 * the function. Until it was measured, only `GUESSED_JOBS_PER_WORKER` jobs are sent for each worker.
 */
const GROWTH = 4;
const GUESSED_JOBS_PER_WORKER = 4;

/** The estimate's weight against a new measurement, in jobs of the largest size. Measurements weigh by their items. */
const KNOWN_JOBS = 4;

/** A job that takes at least this long, in ms, and is slower than estimated, gets at least half of the weight. */
const LONG_MS = TARGET_MS / 20;

/**
 * Chooses the size by the measured run time per item, and keeps the rest of a known input divisible among the workers.
 *
 * @param remaining - gives the number of items that are not in chunks yet, or `undefined` if the input's length is not
 * known
 * @param workers - gives the number of processes that work on the queue
 */
export function autoChunks(remaining: () => number | undefined, workers: () => number): ChunkSize {
  let msPerItem: number | undefined;
  /** The estimate's weight, in items. */
  let known = 0;
  let largestMeasured = 0;
  let bytesPerItem = 0;
  /** The largest chunk so far, and what limited it. Towards the end of the input all chunks become small. */
  let largest = FIRST_CHUNKSIZE;
  let limitedBy: "time" | "share" | "bytes" = "time";
  const processes = (): number => Math.max(1, workers());
  const next = (): number => {
    if (msPerItem === undefined) return FIRST_CHUNKSIZE;
    const byTime = Math.floor(TARGET_MS / Math.max(msPerItem, TARGET_MS / MAX_CHUNKSIZE));
    const left = remaining();
    // Guided self-scheduling (Polychronopoulos and Kuck, 1987): the last chunks are small, so that no worker is idle for
    // long.
    const share = left === undefined ? Infinity : Math.ceil(left / (4 * processes()));
    const byShare = Math.max(share, Math.floor(NOT_SPREAD_MS / msPerItem));
    const byBytes = Math.floor(TARGET_BYTES / bytesPerItem);
    const size = Math.max(1, Math.min(byTime, byShare, byBytes, MAX_CHUNKSIZE));
    if (size > largest) {
      largest = size;
      limitedBy = byShare < byTime ? "share" : "time";
      if (size === byBytes) limitedBy = "bytes";
    }
    return size;
  };
  return {
    next,
    get ahead() {
      if (msPerItem === undefined) return FIRST_JOBS_PER_WORKER * processes();
      return next() > GROWTH * largestMeasured ? GUESSED_JOBS_PER_WORKER * processes() : Infinity;
    },
    measured(items, ms, bytes) {
      const now = ms / items;
      // One chunk with large results is enough to be careful, and a few without them are enough to be no longer.
      bytesPerItem = Math.max(bytes / items, (bytesPerItem + bytes / items) / 2);
      const isSurprise = msPerItem !== undefined && now > msPerItem && ms >= LONG_MS;
      // Shrink fast: a chunk that is too large delays the end of the map, and one that is too small costs little.
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
      if (limitedBy === "bytes")
        return `${measured}, and keeps the results of a job within ${TARGET_BYTES / 1024} KiB`;
      return limitedBy === "share"
        ? `${measured}, and left so many jobs that the workers (${workers()}) come to their end together`
        : `${measured}, and a job is worth ${TARGET_MS} ms of work`;
    },
  };
}
