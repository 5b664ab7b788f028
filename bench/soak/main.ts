/**
 * Runs a soak and prints its report; exits with 1 if anything was wrong.
 *
 *   npm run soak -- [--minutes 10] [--seed N] [--machines 2,1] [--patience SECONDS] [--logs FOLDER] [--plan]
 *
 * `--plan` only prints the faults of a seed.
 */

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { planFaults } from "./faults/plan.ts";
import { describeReport, isSound } from "./report.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    machines: { type: "string", default: "2,1" },
    patience: { type: "string", default: "90" },
    logs: { type: "string" },
    plan: { type: "boolean", default: false },
  },
});
const [seed = 0, minutes = 0, patience = 0] = [values.seed, values.minutes, values.patience].map(Number);
const [main = Number.NaN, evil = Number.NaN] = values.machines.split(",").map(Number);
if (![seed, minutes, patience, main, evil].every((number) => number >= 0)) {
  throw new Error(
    `Expected numbers, got --seed ${values.seed} --minutes ${values.minutes} --machines ${values.machines}`,
  );
}
const durationMs = minutes * 60_000;
console.log(`seed ${seed}, ${minutes} min; again with: npm run soak -- --minutes ${minutes} --seed ${seed}`);
if (values.plan) {
  const planned = planFaults(seed, durationMs).flatMap(({ faults }) => faults);
  for (const { atMs, fault, forMs } of planned.toSorted((a, b) => a.atMs - b.atMs)) {
    const lasts = forMs > 0 ? `, ${forMs} ms` : "";
    console.log(`${(atMs / 1_000).toFixed(1).padStart(7)} s  ${fault.kind}${lasts}`);
  }
} else {
  const logs = values.logs === undefined ? undefined : resolve(values.logs);
  if (logs !== undefined) mkdirSync(logs, { recursive: true });
  const report = await soak({
    seed,
    durationMs,
    patienceMs: patience * 1_000,
    machines: [main, evil],
    logs,
    print: (line) => console.log(line),
  });
  console.log(describeReport(report));
  process.exitCode = isSound(report) ? 0 : 1;
}
