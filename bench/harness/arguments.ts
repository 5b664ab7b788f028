import { parseArgs } from "node:util";

import type { Row } from "./row.ts";

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly quick: boolean;
  readonly publish: boolean;
  /** Measure no row, and only show where the time of an item goes. */
  readonly profile: boolean;
  /** Only holds the model of the fleet against measurements. */
  readonly fleetModel: boolean;
}

/** @throws RangeError that says what was expected */
export function readArguments(args: readonly string[], rows: readonly Row[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      publish: { type: "boolean" },
      profile: { type: "boolean" },
      "fleet-model": { type: "boolean" },
      only: { type: "string" },
    },
  });
  const { quick = false, publish = false, profile = false, only } = values;
  const fleetModel = values["fleet-model"] ?? false;
  if (quick && publish) throw new RangeError("Expected --publish without --quick, whose figures are rough");
  if (profile && (publish || only !== undefined))
    throw new RangeError("Expected --profile alone, or with --quick: it measures no row");
  if (fleetModel && (profile || only !== undefined))
    throw new RangeError("Expected --fleet-model alone, or with --quick or --publish: it measures no row");
  if (only === undefined) return { rows, quick, publish, profile, fleetModel };
  const ids = only.split(",").map(Number);
  const unknown = ids.find((id) => !rows.some((row) => row.id === id));
  if (unknown !== undefined) {
    const known = rows.map(({ id }) => id).join(", ");
    throw new RangeError(`Expected --only to list rows (${known}), got ${only}`);
  }
  return { rows: rows.filter(({ id }) => ids.includes(id)), quick, publish, profile, fleetModel };
}
