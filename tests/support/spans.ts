/** Start and end of a run, in ms. */
type Span = readonly [fromMs: number, toMs: number];

/** The largest number of runs at the same moment. */
export function atOnce(spans: readonly Span[]): number {
  // If an end and a start are at the same moment, the end comes first.
  const steps = spans.flatMap(([from, to]) => [[from, 1] as const, [to, -1] as const]);
  let [running, most] = [0, 0];
  for (const [, step] of steps.toSorted(([a, stepA], [b, stepB]) => a - b || stepA - stepB)) {
    running += step;
    most = Math.max(most, running);
  }
  return most;
}
