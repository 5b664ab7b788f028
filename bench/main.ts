/**
 * `npm run bench`: measures poolmq beside its competitors, and each of its targets.
 *
 *   node scripts/dev.mjs bench [--quick] [--only 1,5] [--publish]
 *   node scripts/dev.mjs bench --profile [--quick]
 *   node scripts/dev.mjs bench --fleet-model [--quick] [--publish]
 *
 * Writes `.cache/bench/results.json` and `.cache/bench/results.svg`; `--publish` also puts the rows that were measured
 * into docs/performance.md, its chart and bench/results.json. `--profile` measures no row, and shows where the time of an
 * item goes; `--fleet-model` predicts fleets from what the parts cost, and runs them.
 */

import { readArguments } from "./harness/arguments.ts";
import { environment } from "./harness/environment.ts";
import { printEnvironment, printRow, printSummary } from "./harness/print.ts";
import { publish, save } from "./harness/results.ts";
import type { RowResult } from "./harness/row-result.ts";
import { Stage } from "./harness/stage.ts";
import type { Row } from "./harness/row.ts";
import { ROWS } from "./rows/all.ts";

const options = readArguments(process.argv.slice(2), ROWS);
const machine = await environment();
printEnvironment(machine);
if (options.profile) await (await import("./profile/profile.ts")).profile(options);
else if (options.fleetModel)
  await (await import("./fleet-model/fleet-model.ts")).fleetModel(options, machine);
else await measureRows();

async function measureRows(): Promise<void> {
  const started = performance.now();
  const results: RowResult[] = [];
  for (const row of options.rows) {
    try {
      const result = await measure(row);
      printRow(result);
      results.push(result);
    } catch (error) {
      // The other rows are still measured.
      process.exitCode = 1;
      console.error(`\n${row.id}. ${row.title}: FAILED\n`, error);
    }
  }
  await save(results);
  if (options.publish) await publish(results);
  printSummary(results, (performance.now() - started) / 1000);
}

async function measure(row: Row): Promise<RowResult> {
  const rowStarted = performance.now();
  await using stage = await Stage.open(options);
  const measured = await row.measure(stage);
  const { id, title } = row;
  return {
    id,
    title,
    quick: options.quick,
    seconds: (performance.now() - rowStarted) / 1000,
    ...measured,
    skipped: stage.skipped,
    at: new Date().toISOString(),
    environment: machine,
  };
}
