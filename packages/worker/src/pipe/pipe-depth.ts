/** How many runs may wait in a child's pipe behind those that run. */

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
