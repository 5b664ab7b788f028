/** From when to when something ran, in ms. */
type Span = readonly [fromMs: number, toMs: number];

/** How many of them ran at the same moment, at most. */
export function atOnce(spans: readonly Span[]): number {
  // An end at the very moment of a start comes first.
  const steps = spans.flatMap(([from, to]) => [[from, 1] as const, [to, -1] as const]);
  let [running, most] = [0, 0];
  for (const [, step] of steps.toSorted(([a, stepA], [b, stepB]) => a - b || stepA - stepB)) {
    running += step;
    most = Math.max(most, running);
  }
  return most;
}
