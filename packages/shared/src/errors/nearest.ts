import { closest, distance } from "fastest-levenshtein";

/** Gives the name that was probably meant: the one with the fewest edits, if they are few for its length. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  // The time grows with the length of both, and nobody mistypes a longer one.
  if (known.length === 0 || name.length > 200) return undefined;
  const best = closest(name, known);
  return distance(name, best) <= Math.max(2, Math.floor(best.length / 3)) ? best : undefined;
}
