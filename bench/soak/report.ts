/** The report of a soak, and whether it is good. */

import type { Usage } from "./actors/messages.ts";
import type { Trend } from "./actors/usage-series.ts";
import type { Judgement } from "./judge.ts";

export interface SoakReport extends Judgement {
  readonly faults: number;
  readonly byKind: ReadonlyMap<string, number>;
  readonly maps: number;
  readonly items: number;
  /** Keys in Redis, and processes, that should not be left. */
  readonly leaked: readonly string[];
  /** By process: growth per minute and last value of memory, in MiB, and of the number of descriptors. */
  readonly usage: Readonly<Record<string, Readonly<Record<keyof Usage, Trend>>>>;
  /** Most that Redis used, and what it uses at the end, in MiB. */
  readonly redisMib: { readonly most: number; readonly last: number };
}

/**
 * Growth per minute that does not count as a leak. A leak of one small object per item would show in the heap, because a
 * soak runs tens of thousands of items a minute. What is outside of the heap rises in steps, as the allocator keeps what
 * was freed after a peak. Connections that are made anew have two descriptors for a while. All that is resident is shown
 * and not judged: see `actors/heap-resident.ts`.
 */
const FLAT_PER_MINUTE = { outside: 8, heap: 1, descriptors: 1 } as const satisfies Partial<
  Record<keyof Usage, number>
>;

type Judged = keyof typeof FLAT_PER_MINUTE;

const UNITS: Readonly<Record<Judged, string>> = {
  outside: "MiB of memory outside of the heap",
  heap: "MiB of heap",
  descriptors: "descriptors",
};

/**
 * From fewer samples in the last two thirds of the time, or in less time, growth is not judged. Samples of the heap of
 * producers are few, because they are taken between maps.
 */
const ENOUGH = { samples: 8, minutes: 4 };

/** The figures that must be 0. */
export function damageOf(report: SoakReport): Record<string, number | readonly string[]> {
  const { lost, duplicated, wrong, outOfOrder, innocentsCharged, problems, leaked } = report;
  return {
    lost,
    duplicated,
    wrong,
    outOfOrder,
    innocentsCharged,
    problems,
    leaked,
    growing: growing(report),
  };
}

export function isSound(report: SoakReport): boolean {
  return Object.values(damageOf(report)).every(
    (damage) => damage === 0 || (damage as unknown[]).length === 0,
  );
}

/** The resources that grow. */
function growing({ usage }: SoakReport): string[] {
  return Object.entries(usage).flatMap(([who, trends]) =>
    (Object.keys(FLAT_PER_MINUTE) as Judged[]).flatMap((what) => {
      const { perMinute, samples, minutes } = trends[what];
      const isEnough = samples >= ENOUGH.samples && minutes >= ENOUGH.minutes;
      const isGrowing = isEnough && perMinute > FLAT_PER_MINUTE[what];
      return isGrowing ? [`${who}: ${perMinute.toFixed(2)} ${UNITS[what]} more a minute`] : [];
    }),
  );
}

export function describeReport(report: SoakReport): string {
  const { faults, byKind, maps, items, damaged, hitTooOften, deeds } = report;
  const { lost, duplicated, wrong, outOfOrder, innocentsCharged, usage, redisMib, leaked, problems } = report;
  return [
    `${faults} faults:`,
    ...counts(byKind),
    `${[...deeds.values()].reduce((sum, count) => sum + count, 0)} evil deeds:`,
    ...counts(deeds),
    `${maps} maps, ${items} items; ${lost} lost, ${duplicated} duplicated, ${wrong} wrong, ${outOfOrder} out of order`,
    `${innocentsCharged} innocent items were charged`,
    `${damaged} items ended in the error of what was done to them, ${hitTooOften} lost too many processes to the soak`,
    ...Object.entries(usage).map(
      ([who, { rss, outside, heap, descriptors }]) =>
        `${who}: rss ${trend(rss)}, outside of the heap ${trend(outside)}, heap ${trend(heap)}, descriptors ${trend(descriptors)}`,
    ),
    `Redis: at most ${redisMib.most.toFixed(1)} MiB, at the end ${redisMib.last.toFixed(1)} MiB`,
    ...leaked.map((what) => `LEAKED ${what}`),
    ...problems.map((problem) => `WRONG ${problem}`),
    ...growing(report).map((what) => `GROWING ${what}`),
    isSound(report) ? "sound" : "NOT SOUND",
  ].join("\n");
}

function counts(of: ReadonlyMap<string, number>): string[] {
  return [...of].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `  ${count} × ${what}`);
}

function trend({ perMinute, last, samples, minutes }: Trend): string {
  const seen = `${samples} samples of ${minutes.toFixed(1)} min`;
  return `${last.toFixed(0)}, ${perMinute >= 0 ? "+" : ""}${perMinute.toFixed(2)} a minute (${seen})`;
}
