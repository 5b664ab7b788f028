/** Measures competitors in turns, so that a machine that gets slower affects all of them alike. */

import { median } from "d3-array";

export interface Entrant {
  readonly who: string;
  /** Measures once. */
  run(): Promise<number>;
  /** Number of rounds in which it takes part, if it is slow. @defaultValue all */
  readonly rounds?: number;
}

/** Values of each entrant by round. */
export type Rounds = ReadonlyMap<string, readonly number[]>;

/** Every other round goes in reverse order, so that no competitor always comes first. */
export async function inTurns(rounds: number, entrants: readonly Entrant[]): Promise<Rounds> {
  const values = new Map<string, number[]>(entrants.map(({ who }) => [who, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? entrants : entrants.toReversed();
    for (const entrant of order) {
      if (round >= (entrant.rounds ?? rounds)) continue;
      const value = await entrant.run();
      values.get(entrant.who)?.push(value);
      // Progress goes to stderr.
      console.error(`  round ${round + 1} of ${rounds}, ${entrant.who}: ${value.toPrecision(4)}`);
    }
  }
  return values;
}

/** The median over the rounds in which both took part of `a / b`. */
export function medianRatio(a: readonly number[], b: readonly number[]): number {
  const rounds = Math.min(a.length, b.length);
  return medianOf(Array.from({ length: rounds }, (_, i) => (a[i] ?? NaN) / (b[i] ?? NaN)));
}

export function medianOf(values: readonly number[]): number {
  return median(values) ?? NaN;
}
