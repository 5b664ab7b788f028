/** A row of the bench: what it measures, and its results. */

import type { Stage } from "./stage.ts";

export interface Row {
  readonly id: number;
  readonly title: string;
  measure(stage: Stage): Promise<Measured>;
}

/** One figure beside its target. */
export interface Check {
  readonly what: string;
  readonly value: number;
  /** `×` is a ratio. */
  readonly unit: "×" | "%" | "MiB" | "ms" | "";
  readonly target: { readonly is: "≥" | "≤"; readonly value: number };
}

/** Values of one competitor, one for each round. They are additional information, valid for this machine and day. */
export interface Series {
  readonly who: string;
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
}

export interface Measured {
  readonly checks: readonly Check[];
  readonly series: readonly Series[];
  readonly notes?: readonly string[];
}

export function isMet({ value, target }: Check): boolean {
  return target.is === "≥" ? value >= target.value : value <= target.value;
}
