import type { Environment } from "./environment.ts";
import type { Measured } from "./row.ts";

/** A row as it was measured. Everything that is compared in it is of the same run. */
export interface RowResult extends Measured {
  readonly id: number;
  readonly title: string;
  readonly quick: boolean;
  /** How long it took to measure, starts included. */
  readonly seconds: number;
  /** Competitors that did not take part, and why. */
  readonly skipped: readonly string[];
  /** ISO time. */
  readonly at: string;
  readonly environment: Environment;
}
