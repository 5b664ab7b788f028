/**
 * Makes a picture of a terminal: reads what `tmux capture-pane -e -p` gives, writes SVG.
 *
 *   tmux capture-pane -t top -e -p | node scripts/terminal-svg.mjs "poolmq top" > docs/poolmq-top.svg
 *
 * Each run of characters of one style, and each column, has a place of its own: they stand whatever font there is.
 */

import { readFileSync } from "node:fs";

const COLUMN = 8.4;
const LINE = 19;
const MARGIN = 18;
const BAR = 34;

const FOREGROUND = "#d6deeb";
/** By the last digit of the SGR code. */
const COLOURS = ["#5c6773", "#ff6b68", "#8ccf7e", "#e5c76b", "#67b0e8", "#c47fd5", "#6cd0e0", FOREGROUND];

/** Sets how characters look. A group, so that splitting keeps it. */
const SGR = new RegExp(String.raw`(${String.fromCharCode(27)}\[[\d;]*m)`);

const title = process.argv[2] ?? "";
const lines = readFileSync(0, "utf8").replace(/\n+$/, "").split("\n").map(runsOf);
const columns = Math.max(...lines.flatMap((runs) => runs.map(({ at, text }) => at + text.length)));
const width = Math.ceil(columns * COLUMN + 2 * MARGIN);
const height = Math.ceil(lines.length * LINE + BAR + 2 * MARGIN);

process.stdout
  .write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<rect width="${width}" height="${height}" rx="10" fill="#151b23"/>
${["#ff5f56", "#ffbd2e", "#27c93f"].map((fill, i) => `<circle cx="${20 + i * 20}" cy="${BAR / 2 + 2}" r="6" fill="${fill}"/>`).join("")}
<text x="${width / 2}" y="${BAR / 2 + 7}" fill="#8b96a5" text-anchor="middle" font-family="system-ui, sans-serif" font-size="13">${escaped(title)}</text>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
${lines
  .map((runs, line) => runs.map((run) => drawn(run, line)).join(""))
  .filter((text) => text !== "")
  .join("\n")}
</g>
</svg>
`);

/**
 * @typedef {{ bold?: boolean, dim?: boolean, colour?: string | undefined }} Style
 * @typedef {{ at: number, text: string, style: Style }} Run
 */

/**
 * The runs of a line: text, its column, and its style.
 *
 * @param {string} line
 * @returns {Run[]}
 */
function runsOf(line) {
  /** @type {Run[]} */
  const runs = [];
  let at = 0;
  /** @type {Style} */
  let style = {};
  for (const part of line.split(SGR)) {
    const codes = SGR.test(part) ? part.slice(2, -1) : undefined;
    if (codes === undefined) {
      // Viewers make one space of several.
      for (const { 0: text, index } of part.matchAll(/\S+(?: \S+)*/g))
        runs.push({ at: at + index, text, style });
      at += part.length;
    } else {
      for (const code of codes.split(";").map(Number)) style = styled(style, code);
    }
  }
  return runs;
}

/**
 * @param {Style} style
 * @param {number} code
 * @returns {Style}
 */
function styled(style, code) {
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: undefined };
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
    return { ...style, colour: COLOURS[code % 10] };
  return style;
}

/**
 * @param {Run} run
 * @param {number} line
 */
function drawn({ at, text, style }, line) {
  const x = (MARGIN + at * COLUMN).toFixed(1);
  const y = (BAR + MARGIN + line * LINE).toFixed(1);
  const look = [
    `fill="${style.colour ?? FOREGROUND}"`,
    ...(style.bold ? ['font-weight="bold"'] : []),
    ...(style.dim ? ['opacity="0.6"'] : []),
  ].join(" ");
  return `<text x="${x}" y="${y}" textLength="${(text.length * COLUMN).toFixed(1)}" ${look}>${escaped(text)}</text>`;
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
