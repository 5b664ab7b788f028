/** The rules that say on which shard a chunk goes. */

import { createHash } from "node:crypto";

/**
 * Gives the id to which a name belongs: the one with the highest hash of both (rendezvous hashing). All processes that
 * know the ids get the same result, and if an id is added or removed, only the names that belong to that id move.
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
 * Distributes chunks: each goes where the fewest are under way, counting those that were distributed before it.
 *
 * @param underWay - number of chunks under way at each place
 * @param first - the place that is preferred among equal ones
 * @returns the place of each chunk
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
