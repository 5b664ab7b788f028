/**
 * Prints the figures that the fault tests have measured, as rows of a Markdown table: medians over the runs that
 * `.cache/faults.jsonl` holds. Remove that file to begin anew.
 *
 *   npm test -- --project faults && node scripts/fault-table.mjs
 */
import { readFileSync } from "node:fs";
import { CACHE } from "./lib/places.mjs";

/** @typedef {{ row: number, name: string, unit: string, values: number[] }} Figure */

/** @type {Map<string, Figure>} */
const figures = new Map();
for (const line of readFileSync(`${CACHE}/faults.jsonl`, "utf8").split("\n").slice(0, -1)) {
  const { row, name, value, unit } =
    /** @type {{ row: number, name: string, value: number, unit: string }} */ (JSON.parse(line));
  /** @type {Figure} */
  const figure = figures.get(`${row} ${name}`) ?? { row, name, unit, values: [] };
  figure.values.push(value);
  figures.set(`${row} ${name}`, figure);
}
console.log("| # | figure | median | runs |\n| --- | --- | --- | --- |");
for (const { row, name, unit, values } of [...figures.values()].toSorted((a, b) => a.row - b.row)) {
  const median = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  console.log(`| ${row} | ${name} | ${`${median} ${unit}`.trim()} | ${values.length} |`);
}
