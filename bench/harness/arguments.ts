import { parseArgs } from "node:util";

const HELP = `Measures poolmq beside its competitors, and each of its targets.

Usage:
  npm run bench -- [--only 1,5] [--quick] [--publish]
  npm run bench -- --profile [--quick]
  npm run bench -- --fleet-model [--quick] [--publish]

  --only         rows to measure, by number; otherwise all
  --quick        fewer and shorter rounds, whose figures are rough
  --publish      put the figures into docs/performance.md
  --profile      show where the time of an item goes
  --fleet-model  predict fleets from what the parts cost, and run them

Rows:`;

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

/**
 * With `--help`, prints what can be asked for and ends the program.
 *
 * @throws RangeError that says what was expected
 */
export function readArguments(args: readonly string[], rows: readonly Row[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      publish: { type: "boolean" },
      profile: { type: "boolean" },
      "fleet-model": { type: "boolean" },
      only: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    console.log([HELP, ...rows.map(({ id, title }) => `  ${String(id).padStart(2)}  ${title}`)].join("\n"));
    process.exit();
  }
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
