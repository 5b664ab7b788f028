/**
 * Runs a soak and prints its report; exits with 1 if anything was wrong.
 *
 *   npm run soak -- [--minutes 10] [--seed N] [--machines 2,1] [--patience SECONDS] [--logs FOLDER] [--plan]
 *   npm run soak -- --servers 3 [--minutes 10] [--seed N] [--patience SECONDS] [--logs FOLDER]
 *
 * `--plan` only prints the faults of a seed. With `--servers`, one pool is spread over so many Redis servers, and one of them
 * is killed in each 20 s.
 */

import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

import { planFaults } from "./faults/plan.ts";
import { soakOverServers } from "./over-servers.ts";
import { describeReport, isSound } from "./report.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    machines: { type: "string", default: "2,1" },
    patience: { type: "string", default: "90" },
    servers: { type: "string", default: "1" },
    logs: { type: "string" },
    plan: { type: "boolean", default: false },
  },
});
const [seed = 0, minutes = 0, patience = 0, servers = 1] = [
  values.seed,
  values.minutes,
  values.patience,
  values.servers,
].map(Number);
const [main = Number.NaN, evil = Number.NaN] = values.machines.split(",").map(Number);
if (![seed, minutes, patience, servers, main, evil].every((number) => number >= 0)) {
  throw new Error(
    `Expected numbers, got --seed ${values.seed} --minutes ${values.minutes} --servers ${values.servers} --machines ${values.machines}`,
  );
}
const durationMs = minutes * 60_000;
const spread = servers > 1 ? ` --servers ${servers}` : "";
console.log(
  `seed ${seed}, ${minutes} min; again with: npm run soak -- --minutes ${minutes} --seed ${seed}${spread}`,
);
if (values.plan) {
  const planned = planFaults(seed, durationMs).flatMap(({ faults }) => faults);
  for (const { atMs, fault, forMs } of planned.toSorted((a, b) => a.atMs - b.atMs)) {
    const lasts = forMs > 0 ? `, ${forMs} ms` : "";
    console.log(`${(atMs / 1_000).toFixed(1).padStart(7)} s  ${fault.kind}${lasts}`);
  }
} else {
  const logs = values.logs === undefined ? undefined : resolve(values.logs);
  if (logs !== undefined) mkdirSync(logs, { recursive: true });
  const asked = {
    seed,
    durationMs,
    patienceMs: patience * 1_000,
    logs,
    print: (line: string) => console.log(line),
  };
  const report = await (servers > 1
    ? soakOverServers({ ...asked, servers })
    : soak({ ...asked, machines: [main, evil] }));
  console.log(describeReport(report));
  process.exitCode = isSound(report) ? 0 : 1;
}
