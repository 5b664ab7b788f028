/** How many runs may wait in a child's pipe behind those that run. */

import { endTogether } from "@poolmq/shared/task";

/**
 * Runs that wait in the pipe may take this much of a child's time together, in ms: enough to hide the pipe's latency, and
 * too little for another host to help.
 */
const PIPE_DEPTH_MS = 1;

/**
 * For runs up to this long, in ms, queue `concurrency / 4` more: one of them starts after about a quarter of a run time.
 */
const QUARTER_UP_TO_MS = 50;

/**
 * The most runs that wait in a child's pipe. If the pipe runs empty, that costs two wake-ups, which take longer than a
 * tiny run.
 */
const MAX_PIPE_DEPTH = 256;

/**
 * Runs between these times, in ms, are paced: the supervisor reads only every 50 ms what the child says of them, since
 * each look wakes it up and takes a core away from the functions. So the child has more work than that. Shorter runs are
 * read together by themselves, and there would be too few of longer ones.
 */
const PACED_FROM_MS = 2;
const PACED_UP_TO_MS = 40;
const PACED_MS = 80;

/** More than so many runs, each of which may have to be asked back, wait in no child's pipe because they are paced. */
const MAX_PACED = 16;

/** Whether runs take some ms each, and not so many end that they come together anyway. */
export function isPaced(meanMs: number | undefined, concurrency: number): meanMs is number {
  if (meanMs === undefined || meanMs < PACED_FROM_MS || meanMs > PACED_UP_TO_MS) return false;
  return !endTogether(concurrency, meanMs);
}

/** How many runs wait if they are paced, and otherwise 0. */
export function pacedDepth(meanMs: number | undefined, concurrency: number): number {
  if (!isPaced(meanMs, concurrency)) return 0;
  return Math.min(MAX_PACED, Math.floor((PACED_MS * concurrency) / meanMs));
}

/**
 * How many runs wait if they are not paced.
 *
 * @param meanMs - mean run time of a job, in ms; `undefined` before the first
 * @param concurrency - jobs that the child runs at a time
 */
export function pipeDepth(meanMs: number | undefined, concurrency: number): number {
  if (meanMs === undefined) return 0;
  const quarter = meanMs > QUARTER_UP_TO_MS ? 0 : concurrency / 4;
  return Math.min(MAX_PIPE_DEPTH, Math.floor(Math.max((PIPE_DEPTH_MS * concurrency) / meanMs, quarter)));
}

/** Number of places of a child's table of claims: one for each run that it can have. */
export function placesFor(concurrency: number): number {
  return concurrency + MAX_PIPE_DEPTH;
}
