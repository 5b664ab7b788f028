import type { Usage } from "./messages.ts";

export interface Trend {
  readonly perMinute: number;
  readonly last: number;
  readonly samples: number;
}

/** What a process used, over time. */
export class UsageSeries {
  readonly #samples: (Usage & { readonly atMs: number })[] = [];

  add({ rss, heap, descriptors }: Usage): void {
    this.#samples.push({ atMs: performance.now(), rss: rss / 2 ** 20, heap: heap / 2 ** 20, descriptors });
  }

  /** Growth per minute, in MiB or in number, after the first third, in which caches fill; and the last value. */
  trend(of: keyof Usage): Trend {
    const steady = this.#samples.slice(Math.floor(this.#samples.length / 3));
    const points = steady.map((sample) => [sample.atMs / 60_000, sample[of]] as const);
    return { perMinute: slope(points), last: points.at(-1)?.[1] ?? 0, samples: points.length };
  }
}

/** Theil and Sen's: the median of the slopes between all pairs, which single peaks do not move. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], i) =>
    points.slice(i + 1).map(([nextX, nextY]) => (nextY - y) / (nextX - x)),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}
