/** How many runs may wait in a child's pipe behind those that run. */

/** Runs worth this much of a child's time: enough to hide the pipe, too little to matter to anyone. */
const PIPE_DEPTH_MS = 1;

/** Of runs that are no longer than this, a quarter as many may wait as run: it comes to them within a quarter of a run. */
const QUARTER_UP_TO_MS = 50;

/** What a worker machine fetches ahead for a child. A child that runs dry costs two wake-ups, which take longer than a run. */
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

/** Places that a child's table of claims needs: one for each run that it can have. */
export function placesFor(concurrency: number): number {
  return concurrency + MAX_PIPE_DEPTH;
}
