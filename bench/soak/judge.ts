/** Adds up what was wrong with the maps of a soak. */

import type { EndedMap } from "./actors/asker.ts";
import type { DamagedItems } from "./faults/damaged-items.ts";
import type { Odd } from "./work/tally.ts";
import { endsEarly, isLong, mayRunOut } from "./work/workload.ts";

export interface Judgement {
  readonly lost: number;
  readonly duplicated: number;
  /** Results and errors that no fault explains. */
  readonly wrong: number;
  readonly outOfOrder: number;
  /**
   * Number of wrong items that were charged with a loss that others caused, or stopped although they were not overdue.
   */
  readonly innocentsCharged: number;
  /** Items that ended in an error because a fault had damaged their job or their outcome. */
  readonly damaged: number;
  /** Long items whose processes the soak itself has killed too often. */
  readonly hitTooOften: number;
  /** Number of evil items that ended as they should, by kind. */
  readonly deeds: ReadonlyMap<string, number>;
  /** What went wrong, in words. */
  readonly problems: readonly string[];
}

/** After this many processes that the soak has killed, a long item may have been in three of them. */
const OFTEN = 3;

const CHARGES = ["WORKER_LOST", "TASK_TIMEOUT"];

export function judge(
  ended: readonly EndedMap[],
  damagedItems: DamagedItems,
  problems: readonly string[],
): Judgement {
  const told = [...problems];
  const deeds = new Map<string, number>();
  let [damaged, hitTooOften, unexplained, innocentsCharged] = [0, 0, 0, 0];
  for (const { kind, tag, mapId, verdict, producer } of ended) {
    if (verdict.first !== undefined) told.push(`${kind} ${tag}: ${verdict.first}`);
    for (const [deed, count] of Object.entries(verdict.deeds)) {
      deeds.set(deed, (deeds.get(deed) ?? 0) + (count ?? 0));
    }
    const isDamaged = (odd: Odd): boolean =>
      odd.mapId === undefined ? damagedItems.has(mapId, odd.index) : damagedItems.has(odd.mapId, 0);
    const odd = verdict.odd.filter(
      ({ code, how }) => code !== endsEarly(kind) && !(code === "TASK_TIMEOUT" && mayRunOut(how)),
    );
    const undamaged = odd.filter((one) => !isDamaged(one));
    const strange = undamaged.filter(
      ({ code, how }) => !(isLong(how) && code === "WORKER_LOST" && producer.childrenKilled >= OFTEN),
    );
    damaged += odd.length - undamaged.length;
    hitTooOften += undamaged.length - strange.length;
    unexplained += strange.length;
    innocentsCharged += strange.filter(({ code }) => CHARGES.includes(code)).length;
    const [first] = strange;
    if (first === undefined) continue;
    const { index, how, code, message } = first;
    told.push(
      `${kind} ${tag} (${mapId}): ${strange.length} items ended in an error that no fault explains; item ${index} (${how}) in ${code}: ${message}`,
    );
  }
  const sum = (of: (map: EndedMap) => number): number => ended.reduce((total, map) => total + of(map), 0);
  return {
    lost: sum(({ verdict }) => verdict.lost),
    duplicated: sum(({ verdict }) => verdict.duplicated),
    wrong: sum(({ verdict }) => verdict.wrong) + unexplained,
    outOfOrder: sum(({ verdict }) => verdict.outOfOrder),
    innocentsCharged,
    damaged,
    hitTooOften,
    deeds,
    problems: told,
  };
}

export function itemsOf(ended: readonly EndedMap[]): number {
  return ended.reduce((total, { items }) => total + items, 0);
}
