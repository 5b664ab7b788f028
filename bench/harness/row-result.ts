import type { Environment } from "./environment.ts";
import type { Measured } from "./row.ts";

/** A row as it was measured. All figures that are compared in it are of the same run. */
export interface RowResult extends Measured {
  readonly id: number;
  readonly title: string;
  readonly quick: boolean;
  /** How long the measurement took, including starts. */
  readonly seconds: number;
  /** Competitors that did not take part, and why. */
  readonly skipped: readonly string[];
  /** ISO time. */
  readonly at: string;
  readonly environment: Environment;
}
