/**
 * Which of many lines fit on the screen: always the first and the last, and between them the part that was scrolled to.
 */

/** Keys that move, as terminals send them: by how many lines, or screens. */
const MOVES: Readonly<Record<string, (page: number) => number>> = {
  "\u001B[A": () => -1,
  k: () => -1,
  "\u001B[B": () => 1,
  j: () => 1,
  "\u001B[5~": (page) => -page,
  "\u001B[6~": (page) => page,
  " ": (page) => page,
  "\u001B[H": () => -Infinity,
  g: () => -Infinity,
  "\u001B[F": () => Infinity,
  G: () => Infinity,
};

/** By how many lines a key moves; `undefined` if the key does not scroll. */
export function moveOf(key: string, rows: number): number | undefined {
  return Object.hasOwn(MOVES, key) ? MOVES[key]?.(Math.max(1, rows - 4)) : undefined;
}

/** The largest number of lines that one can scroll down. */
export function lastTop(lines: number, rows: number): number {
  return lines <= rows ? 0 : lines - rows + 1;
}

/**
 * Gives the lines that are shown.
 *
 * @param top - number of lines that were scrolled past, of those between the first and the last
 */
export function visible(lines: readonly string[], rows: number, top: number): readonly string[] {
  if (lines.length <= rows) return lines;
  const [head = ""] = lines;
  const middle = lines.slice(1, -1);
  const room = Math.max(1, rows - 3);
  const shown = middle.slice(top, top + room);
  const below = middle.length - top - shown.length;
  const more = below > 0 ? `… ${below} more lines below` : "… end";
  return [head, ...shown, more, ...lines.slice(-1)];
}
