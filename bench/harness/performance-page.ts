/** The part of docs/performance.md that the bench writes: everything between its two markers. */

import { figure, targetOf, valueOf } from "./print.ts";
import type { RowResult } from "./row-result.ts";
import { isMet } from "./row.ts";
import { medianOf } from "./rounds.ts";

const BEGIN = "<!-- results: written by `npm run bench -- --publish` -->";
const END = "<!-- end of results -->";

export function withResults(page: string, results: readonly RowResult[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/performance.md lacks its markers, ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${markdown(results)}\n${page.slice(end)}`;
}

function markdown(results: readonly RowResult[]): string {
  return [
    table(
      ["row", "", "seen", "target", ""],
      results.flatMap(({ id, title, checks }) =>
        checks.map((check, i) => [
          i === 0 ? `${id}. ${title}` : "",
          check.what,
          valueOf(check),
          targetOf(check),
          isMet(check) ? "met" : "**NOT met**",
        ]),
      ),
    ),
    ...machines(results),
    "### Side information",
    "Medians, of the machine and the day above: they say nothing about another one.",
    table(
      ["row", "who", "what", "median"],
      results.flatMap(({ id, series }) =>
        series.map(({ who, what, unit, values }) => [
          String(id),
          who,
          what,
          `${figure(medianOf(values))} ${unit}`,
        ]),
      ),
    ),
    ...results.flatMap(({ id, notes = [], skipped }) => [
      ...notes.map((note) => `Row ${id}: ${note}`),
      ...skipped.map((reason) => `Row ${id}, not measured: ${reason}.`),
    ]),
    "",
  ].join("\n\n");
}

/** Usually all rows are of one run; then its machine is described once. */
function machines(results: readonly RowResult[]): string[] {
  const rows = Map.groupBy(results, ({ environment, at }) => {
    const { cpu, cores, memoryGiB, system, versions } = environment;
    const installed = Object.entries(versions).flatMap(([name, version]) =>
      version === undefined ? [] : [`${name} ${version}`],
    );
    return `${at.slice(0, 10)}, ${cores} × ${cpu}, ${memoryGiB} GiB, ${system}; ${installed.join(", ")}.`;
  });
  return [...rows].map(([where, of]) => `Rows ${of.map(({ id }) => id).join(", ")}: ${where}`);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
