/** What the bench prints. */

import Table from "cli-table3";
import { extent } from "d3-array";

import type { Environment } from "./environment.ts";
import type { RowResult } from "./row-result.ts";
import { isMet } from "./row.ts";
import type { Check } from "./row.ts";
import { medianOf } from "./rounds.ts";

const WAITING_LOAD = 0.5;

export function printEnvironment({ cpu, cores, memoryGiB, system, load, versions }: Environment): void {
  console.log(`${cores} × ${cpu}, ${memoryGiB} GiB, ${system}`);
  console.log(
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version ?? "(not installed)"}`)
      .join(", "),
  );
  if (load > WAITING_LOAD) console.log(`The machine is not quiet: load ${load}.`);
}

export function printRow({
  id,
  title,
  quick,
  seconds,
  checks,
  series,
  notes = [],
  skipped,
}: RowResult): void {
  console.log(`\n${id}. ${title}${quick ? " (quick: smaller, and rough)" : ""}  [${seconds.toFixed(0)} s]`);
  const table = new Table({
    style: { head: [], border: [] },
    head: ["who", "what", "median", "range", "rounds"],
  });
  for (const { who, what, unit, values } of series) {
    const [low = NaN, high = NaN] = extent(values);
    const range = values.length > 1 ? `${figure(low)} – ${figure(high)}` : "";
    table.push([who, what, `${figure(medianOf(values))} ${unit}`, range, values.length]);
  }
  console.log(table.toString());
  for (const check of checks)
    console.log(`  ${verdict(check)}  ${check.what}: ${valueOf(check)} (target ${targetOf(check)})`);
  for (const note of notes) console.log(`  ${note}`);
  for (const reason of skipped) console.log(`  Not measured: ${reason}`);
}

export function printSummary(results: readonly RowResult[], seconds: number): void {
  const checks = results.flatMap((result) => result.checks.map((check) => ({ ...check, id: result.id })));
  const unmet = checks.filter((check) => !isMet(check));
  console.log(
    `\n${checks.length - unmet.length} of ${checks.length} targets met, in ${seconds.toFixed(0)} s`,
  );
  for (const check of unmet)
    console.log(`  NOT met: row ${check.id}, ${check.what}: ${valueOf(check)} (target ${targetOf(check)})`);
}

function verdict(check: Check): string {
  return isMet(check) ? "met    " : "NOT met";
}

export function valueOf({ value, unit }: Check): string {
  return `${figure(value)}${suffix(unit)}`;
}

export function targetOf({ target, unit }: Check): string {
  return `${target.is} ${target.value}${suffix(unit)}`;
}

function suffix(unit: Check["unit"]): string {
  return unit === "×" ? "×" : unit === "" ? "" : ` ${unit}`;
}

/** Three significant digits, or all digits of an integer. */
export function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
