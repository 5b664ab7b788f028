import { InvalidOptionError } from "@poolmq/shared";
import { nearest } from "@poolmq/shared/internal";

import type { ReachedShard } from "./reach-shards.ts";

/**
 * Finds the id that the user means: the same id, or the only one that begins with the given text.
 *
 * @param ids - ids of all known maps
 * @throws InvalidOptionError if it is empty, as a variable that is not set: each id begins so
 */
export function findMapId(
  given: string,
  ids: readonly string[],
): { readonly id: string } | { readonly problem: string } {
  if (given === "") throw new InvalidOptionError('Expected the id of a map, or its beginning, got ""');
  if (ids.includes(given)) return { id: given };
  const begin = ids.filter((id) => id.startsWith(given));
  const [only] = begin;
  if (only !== undefined && begin.length === 1) return { id: only };
  if (begin.length > 1) {
    return {
      problem: `More than one map begins with "${given}": ${begin.slice(0, 5).join(", ")}${begin.length > 5 ? ", …" : ""}`,
    };
  }
  const near = nearest(given, ids);
  const hint = near === undefined ? "`poolmq maps` lists those that there are" : `Did you mean "${near}"?`;
  return { problem: `There is no map "${given}" on this queue. ${hint}` };
}

/** Whether the outcomes of a map with this very id are gathered on one of the shards: a map without a report may be there. */
export async function isThere(given: string, shards: readonly ReachedShard[]): Promise<boolean> {
  // It becomes part of keys.
  if (!/^[\w-]{1,100}$/.test(given)) return false;
  const there = await Promise.all(shards.map(({ redis, keys }) => redis.exists(keys.done(given))));
  return there.includes(1);
}
