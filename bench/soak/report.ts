/** What a soak came to, in words, and whether it is good. */

import type { SoakReport, Trend } from "./soak.ts";

/**
 * Growth per minute that is still taken for none. A leak of one small object per item would show in the heap, which is what
 * is in use: a soak makes tens of thousands of items a minute. RSS rises in steps, as the allocator keeps what was
 * freed after a peak.
 */
const FLAT_MIB_PER_MINUTE = { rss: 8, heap: 1 };

/** Fewer samples than this, of the last two thirds of the time, say nothing of growth: those of 5 minutes. */
const ENOUGH_SAMPLES = 80;

export function isSound(report: SoakReport): boolean {
  const { lost, duplicated, wrong, outOfOrder, problems, leaked } = report;
  const damage = lost + duplicated + wrong + outOfOrder;
  return damage === 0 && problems.length === 0 && leaked.length === 0 && growing(report).length === 0;
}

/** What grows. */
function growing({ memory }: SoakReport): string[] {
  return (["producer", "supervisor"] as const).flatMap((who) =>
    (["rss", "heap"] as const).flatMap((what) => {
      const { perMinute, samples } = memory[who][what];
      const isGrowing = samples >= ENOUGH_SAMPLES && perMinute > FLAT_MIB_PER_MINUTE[what];
      return isGrowing ? [`${what} of the ${who} grows by ${perMinute.toFixed(2)} MiB a minute`] : [];
    }),
  );
}

export function describeReport(report: SoakReport): string {
  const { faults, byKind, maps, items, lost, duplicated, wrong, outOfOrder, damaged } = report;
  const { memory, redisMib, leaked, problems } = report;
  return [
    `${faults} faults:`,
    ...[...byKind].toSorted(([, a], [, b]) => b - a).map(([kind, count]) => `  ${count} × ${kind}`),
    `${maps} maps, ${items} items; ${lost} lost, ${duplicated} duplicated, ${wrong} wrong, ${outOfOrder} out of order`,
    `${damaged} items ended in the error of what was done to them`,
    `producer: rss ${trend(memory.producer.rss)}, heap ${trend(memory.producer.heap)}`,
    `supervisor: rss ${trend(memory.supervisor.rss)}, heap ${trend(memory.supervisor.heap)}`,
    `Redis: at most ${redisMib.most.toFixed(1)} MiB, at the end ${redisMib.last.toFixed(1)} MiB`,
    ...leaked.map((key) => `LEAKED ${key}`),
    ...problems.map((problem) => `WRONG ${problem}`),
    ...growing(report).map((what) => `GROWING ${what}`),
    isSound(report) ? "sound" : "NOT SOUND",
  ].join("\n");
}

function trend({ perMinute, last }: Trend): string {
  return `${last.toFixed(0)} MiB, ${perMinute >= 0 ? "+" : ""}${perMinute.toFixed(2)} MiB/min`;
}
