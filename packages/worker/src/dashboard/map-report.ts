/**
 * A map as one HTML file, to be kept or sent: how far it came, how fast, how long its items ran, and what failed. It has no
 * script, and loads nothing.
 */

import type { ErrorGroupView } from "../watch/queue-view.ts";

import type { SeenMap } from "../feed/queue-feed.ts";

const WIDTH = 800;
const HEIGHT = 120;

const STYLE = `:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{max-width:860px;margin:32px auto;padding:0 20px}
h1{font-size:22px}h2{font-size:17px;margin-top:32px}dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px}dt{opacity:.75}dd{margin:0}
svg{width:100%;height:auto;background:light-dark(#f1f4f8,#1b2027);border-radius:8px}svg .line{fill:none;stroke:light-dark(#2563eb,#6ea0ff);stroke-width:2}
svg .bar{fill:light-dark(#2563eb,#6ea0ff)}pre{overflow:auto;padding:12px;border-radius:8px;background:light-dark(#f1f4f8,#1b2027);font-size:13px}code,.id{font-family:ui-monospace,monospace;font-size:13px;overflow-wrap:anywhere}
table{border-collapse:collapse}td,th{padding:2px 16px 2px 0;text-align:left}`;

export function mapReport(queue: string, { map, points, errors }: SeenMap): string {
  const { id, task, call, state, total, done, failed, startedAtMs, endedAtMs, runTimes, producer, reason } =
    map;
  const facts: readonly (readonly [string, string])[] = [
    ["Map", id],
    ["Queue", queue],
    ["Call", call],
    ["State", reason === null ? state : `${state}: ${reason}`],
    [
      "Items",
      `${number(done)} of ${total === null ? "an unknown number" : number(total)} have ended, ${number(failed)} failed`,
    ],
    ["Began", new Date(startedAtMs).toISOString()],
    [
      "Ended",
      endedAtMs === null
        ? "it still runs"
        : `${new Date(endedAtMs).toISOString()}, after ${seconds(endedAtMs - startedAtMs)}`,
    ],
    ["Rate", `${map.itemsPerS.toPrecision(3)} items a second`],
    ["Producer", `${producer.host}, pid ${producer.pid}`],
    ...(runTimes.medianMs === null || runTimes.p95Ms === null
      ? []
      : ([
          [
            "Run time",
            `half of the items took at most ${seconds(runTimes.medianMs)}, 95% at most ${seconds(runTimes.p95Ms)}`,
          ],
        ] as const)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(task)} · ${text(id)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${text(task)}</h1>
<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${text(value)}</dd>`).join("\n")}</dl>
<h2>Items per second</h2>
${points.length < 2 ? "<p>Nobody looked while it ran.</p>" : rateChart(points)}
<h2>Run time of items</h2>
${runTimes.histogram.length === 0 ? "<p>No item has ended yet.</p>" : histogram(runTimes.histogram)}
<h2>Errors</h2>
${errors === undefined || errors.groups.length === 0 ? "<p>None.</p>" : errors.groups.map(errorText).join("\n")}
${errors === undefined || errors.others === 0 ? "" : `<p>and ${number(errors.others)} failed items of other kinds</p>`}
</main>
</body>
</html>
`;
}

function errorText(group: ErrorGroupView): string {
  const { name, message, messagesDiffer, stack, count, lastAtMs, indices } = group;
  const what = message === "" ? name : `${name}: ${messagesDiffer ? "e.g. " : ""}${message}`;
  return `<h3>${number(count)} × ${text(what)}</h3>
<p>items ${text(indices.join(", "))}${count > indices.length ? ", …" : ""}${lastAtMs === null ? "" : `; the last one failed ${new Date(lastAtMs).toISOString()}`}</p>
${stack === null ? "" : `<pre tabindex="0">${text(stack)}</pre>`}`;
}

/** The chart of the rate. Where no look took place, the line is interrupted. */
function rateChart(points: SeenMap["points"]): string {
  const first = points[0]?.atMs ?? 0;
  const span = Math.max(1, (points.at(-1)?.atMs ?? 0) - first);
  const top = Math.max(...points.map(({ itemsPerS }) => itemsPerS), 1e-9);
  const lines: string[][] = [];
  points.forEach(({ atMs, itemsPerS }, i) => {
    const before = points[i - 1];
    if (before === undefined || atMs - before.atMs > GAP_MS) lines.push([]);
    const x = ((atMs - first) / span) * WIDTH;
    lines.at(-1)?.push(`${x.toFixed(1)},${(HEIGHT - (itemsPerS / top) * (HEIGHT - 10)).toFixed(1)}`);
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Items per second over ${seconds(span)}, at most ${top.toPrecision(3)}">${lines
    .map((line) => `<polyline class="line" points="${line.join(" ")}"/>`)
    .join("")}</svg>
<p>${seconds(span)}, at most ${top.toPrecision(3)} a second</p>`;
}

/** Looks are a second apart. Between points that are further apart than this, in ms, no look took place. */
const GAP_MS = 3_500;

function histogram(bars: SeenMap["map"]["runTimes"]["histogram"]): string {
  const most = Math.max(...bars.map(({ items }) => items));
  const width = WIDTH / bars.length;
  const shapes = bars.map(({ items }, i) => {
    const height = (items / most) * (HEIGHT - 10);
    return `<rect class="bar" x="${(i * width).toFixed(1)}" y="${(HEIGHT - height).toFixed(1)}" width="${Math.max(1, width - 2).toFixed(1)}" height="${height.toFixed(1)}"/>`;
  });
  const rows = bars.map(({ upToMs, items }) => {
    return `<tr><td>${upToMs === null ? "longer" : `up to ${seconds(upToMs)}`}</td><td>${number(items)}</td></tr>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Items by run time; the table below has the figures">${shapes.join("")}</svg>
<details><summary>Figures</summary><table><tr><th>Run time</th><th>Items</th></tr>${rows.join("")}</table></details>`;
}

/** Escapes text that users' code has made, so that it is shown and never becomes markup. */
function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

function number(value: number): string {
  return value.toLocaleString("en");
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1_000).toPrecision(3))} s`;
}
