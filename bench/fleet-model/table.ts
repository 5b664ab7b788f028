/** A table, for the terminal and for a page. */

import Cli from "cli-table3";

export type Table = readonly [head: readonly string[], rows: readonly (readonly string[])[]];

export function markdown([head, rows]: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

export function terminal([head, rows]: Table): string {
  const table = new Cli({ style: { head: [], border: [] }, head: [...head] });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}
