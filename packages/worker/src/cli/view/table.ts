/** A table that fits the terminal: columns that matter less are left out, long names are cut. */

import { clean, cut } from "./format.ts";
import { paint } from "./paint.ts";
import type { Style } from "./paint.ts";

export interface Column<R> {
  readonly title: string;
  readonly align?: "right";
  readonly cell: (row: R) => string;
  readonly style?: (row: R) => Style | undefined;
  /** The column may be left out where there is no room; the highest number goes first. */
  readonly optional?: number;
  /** Cut down to this many characters, if need be. */
  readonly shrinkTo?: number;
}

const GAP = "  ";

/** A name that is cut further is useless. */
const NARROWEST = 3;

/** @param width - of the terminal; `Infinity` if nobody looks at it there */
export function table<R>(rows: readonly R[], columns: readonly Column<R>[], width: number): string[] {
  const texts = new Map(columns.map((column) => [column, rows.map((row) => clean(column.cell(row)))]));
  const natural = (column: Column<R>): number =>
    Math.max(column.title.length, ...(texts.get(column) ?? []).map((text) => text.length));
  const least = (column: Column<R>): number => Math.min(natural(column), column.shrinkTo ?? natural(column));
  let shown = [...columns];
  while (sum(shown.map(least)) + GAP.length * (shown.length - 1) > width) {
    const last = shown
      .filter(({ optional }) => optional !== undefined)
      .toSorted((a, b) => (b.optional ?? 0) - (a.optional ?? 0))[0];
    if (last === undefined) break;
    shown = shown.filter((column) => column !== last);
  }
  const widths = new Map(shown.map((column) => [column, natural(column)]));
  let excess = sum([...widths.values()]) + GAP.length * (shown.length - 1) - width;
  // The widest column is cut first, so that short names stay whole.
  while (excess > 0) {
    const [widest] = [least, (column: Column<R>) => (column.shrinkTo === undefined ? Infinity : NARROWEST)]
      .map((limit) =>
        [...widths].filter(([column, now]) => now > limit(column)).toSorted(([, a], [, b]) => b - a),
      )
      .flat();
    if (widest === undefined) break;
    widths.set(widest[0], widest[1] - 1);
    excess--;
  }
  const line = (cells: readonly (readonly [Column<R>, string, Style | undefined])[]): string =>
    cells
      .map(([column, text, style], place) => {
        const room = widths.get(column) ?? 0;
        const short = cut(text, room);
        if (column.align !== "right" && place === cells.length - 1) return styled(short, style);
        return styled(column.align === "right" ? short.padStart(room) : short.padEnd(room), style);
      })
      .join(GAP);
  const head = line(shown.map((column) => [column, column.title, "dim"] as const));
  const body = rows.map((row, index) =>
    line(shown.map((column) => [column, texts.get(column)?.[index] ?? "", column.style?.(row)] as const)),
  );
  return [head, ...body];
}

function styled(text: string, style: Style | undefined): string {
  return style === undefined ? text : paint(style, text);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
