/** A tasks module: counts the words of a file, and adds counts up. */

import { readFile } from "node:fs/promises";

export type Counts = Map<string, number>;

export async function countWords(path: string): Promise<Counts> {
  const counts: Counts = new Map();
  for (const [word] of (await readFile(path, "utf8")).toLowerCase().matchAll(/\p{L}+/gu)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** The reducer: makes one result of two. It may change the first one and give it back. */
export function addCounts(a: Counts, b: Counts): Counts {
  for (const [word, count] of b) a.set(word, (a.get(word) ?? 0) + count);
  return a;
}
