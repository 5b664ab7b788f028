import type { Usage } from "./messages.ts";

export interface Trend {
  readonly perMinute: number;
  readonly last: number;
  /** How many samples it was made from, and how much time they span. */
  readonly samples: number;
  readonly minutes: number;
}

interface Sample {
  readonly atMinutes: number;
  readonly value: number;
}

/** What a process used, over time. */
export class UsageSeries {
  readonly #samples: Readonly<Record<keyof Usage, Sample[]>> = {
    rss: [],
    outside: [],
    heap: [],
    descriptors: [],
  };

  add({ rss, outside, heap, descriptors }: Usage): void {
    const atMinutes = performance.now() / 60_000;
    this.#samples.rss.push({ atMinutes, value: rss / 2 ** 20 });
    this.#samples.outside.push({ atMinutes, value: outside / 2 ** 20 });
    if (heap !== undefined) this.#samples.heap.push({ atMinutes, value: heap / 2 ** 20 });
    this.#samples.descriptors.push({ atMinutes, value: descriptors });
  }

  /** How long the process was observed. */
  get minutes(): number {
    return span(this.#samples.rss);
  }

  /** Growth per minute, in MiB or in number, after the first third, in which caches fill; and the last value. */
  trend(of: keyof Usage): Trend {
    const all = this.#samples[of];
    const from = (all[0]?.atMinutes ?? 0) + span(all) / 3;
    const steady = all.filter(({ atMinutes }) => atMinutes >= from);
    return {
      perMinute: slope(steady),
      last: steady.at(-1)?.value ?? 0,
      samples: steady.length,
      minutes: span(steady),
    };
  }
}

/** Theil and Sen's: the median of the slopes between all pairs, which single peaks do not move. */
function slope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap(({ atMinutes, value }, i) =>
    samples.slice(i + 1).map((next) => (next.value - value) / (next.atMinutes - atMinutes)),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}

function span(samples: readonly Sample[]): number {
  return (samples.at(-1)?.atMinutes ?? 0) - (samples[0]?.atMinutes ?? 0);
}
