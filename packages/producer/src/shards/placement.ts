/** On which shard a chunk goes: pure rules. */

import { createHash } from "node:crypto";

/**
 * Gives the id to which a name belongs: the one with the highest hash of both. Everybody who knows the ids comes to the same,
 * and with one id more or less, only the names that belong to that one have another home.
 */
export function homeOf(name: string, ids: readonly string[]): string | undefined {
  let home: { readonly id: string; readonly weight: Buffer } | undefined;
  for (const id of ids) {
    const weight = createHash("md5").update(`${id} ${name}`).digest();
    if (home === undefined || weight.compare(home.weight) > 0) home = { id, weight };
  }
  return home?.id;
}

/**
 * Deals out so many chunks: each goes where the fewest are under way, those included that were dealt out before it.
 *
 * @param underWay - for each place, how many there are
 * @param first - the place that is preferred among equal ones
 * @returns for each chunk, its place
 */
export function dealOut(chunks: number, underWay: readonly number[], first: number): number[] {
  const load = [...underWay];
  return Array.from({ length: chunks }, () => {
    let least = first % load.length;
    for (let step = 1; step < load.length; step++) {
      const place = (first + step) % load.length;
      if ((load[place] ?? 0) < (load[least] ?? 0)) least = place;
    }
    load[least] = (load[least] ?? 0) + 1;
    return least;
  });
}
