/**
 * `npm run bench -- --fleet-model`: measures what each part costs, predicts some fleets from that alone, and runs them. With
 * `--publish` it renews the model's part of docs/performance.md, its chart, and `measured.json` beside this file.
 */

import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import type { Environment } from "../harness/environment.ts";
import { toJson } from "../harness/results.ts";
import { Stage } from "../harness/stage.ts";
import { ALLOWED_ERROR } from "./cases/case.ts";
import type { Case } from "./cases/case.ts";
import { heldDownServers } from "./cases/held-down-servers.ts";
import { manyProducers } from "./cases/many-producers.ts";
import { sleepingMachines } from "./cases/sleeping-machines.ts";
import { fleetChart } from "./chart.ts";
import type { Costs } from "./costs.ts";
import { measureCosts } from "./measure-costs.ts";
import { casesTable, withinOf, withModel } from "./page.ts";
import type { Measured } from "./page.ts";
import { terminal } from "./table.ts";

const CACHE = fileURLToPath(new URL("../../.cache/bench", import.meta.url));
const PUBLISHED = fileURLToPath(new URL("measured.json", import.meta.url));
const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));

/** Each on servers of its own. */
const GROUPS: readonly ((stage: Stage, costs: Costs) => Promise<Case[]>)[] = [
  manyProducers,
  heldDownServers,
  sleepingMachines,
];

export async function fleetModel(
  options: { readonly quick: boolean; readonly publish: boolean },
  environment: Environment,
): Promise<void> {
  const started = performance.now();
  const costs = await onStage(options, measureCosts);
  console.log(JSON.stringify(costs, undefined, 2));
  const cases: Case[] = [];
  for (const group of GROUPS) {
    const found = await onStage(options, (stage) => group(stage, costs));
    console.log(terminal(casesTable(found)));
    cases.push(...found);
  }
  const measured = { at: new Date().toISOString(), environment, costs, cases };
  await mkdir(CACHE, { recursive: true });
  await writeFile(`${CACHE}/fleet-model.json`, toJson(measured));
  await writeFile(`${CACHE}/fleet-model.svg`, fleetChart(costs));
  if (options.publish) await publish(measured);
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(`\n${withinOf(cases)} of ${cases.length} within ${ALLOWED_ERROR} %, in ${seconds} s`);
}

async function onStage<R>(
  options: { readonly quick: boolean },
  work: (stage: Stage) => Promise<R>,
): Promise<R> {
  await using stage = await Stage.open(options);
  return await work(stage);
}

async function publish(measured: Measured): Promise<void> {
  await writeFile(PUBLISHED, toJson(measured));
  await writeFile(`${DOCS}/fleet-model.svg`, fleetChart(measured.costs));
  const page = `${DOCS}/performance.md`;
  await writeFile(page, withModel(await readFile(page, "utf8"), measured));
  // Formats the files, because `npm test` checks the format. `npm run bench` has the project's tools on PATH.
  const { error } = spawnSync("oxfmt", [page, PUBLISHED]);
  if (error !== undefined) console.error(`not formatted, run oxfmt: ${error.message}`);
}
