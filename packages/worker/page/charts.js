/**
 * Small charts. Shapes are SVG that stretches with the page; text is HTML beside it, which does not. Each can be read
 * without seeing it: by its label, and point by point with the arrow keys.
 */

import { Component, h } from "./preact.js";
import { count, duration } from "./format.js";
import { GAP_MS } from "./model.js";

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} color a class of the style sheet: `c0` to `c7`
 * @property {readonly number[]} values one for each moment
 *
 * @typedef {object} LineChartProps
 * @property {string} title
 * @property {readonly number[]} times ms, ascending
 * @property {readonly Series[]} series
 * @property {(value: number) => string} format
 * @property {boolean} [binary] numbers that are round in powers of 1024, as bytes are
 * @property {boolean} [small] without axes and legend: for a tile
 */

/** Labels below the bars of a histogram. */
const LABELS = 6;

const WIDTH = 1_000;
const HEIGHT = 100;

/** Lines over time, filled to the bottom, and what they are at one moment. @extends {Component<LineChartProps, { at: number | undefined }>} */
export class LineChart extends Component {
  /** @override */
  state = { at: /** @type {number | undefined} */ (undefined) };

  /** @override */
  render() {
    const { title, times, series, format, binary = false, small = false } = this.props;
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    const top = niceTop(Math.max(0, ...series.flatMap(({ values }) => values)), binary ? 1_024 : 10);
    /** @param {number} ms */
    const x = (ms) => (last === first ? WIDTH : ((ms - first) / (last - first)) * WIDTH);
    /** @param {number} value */
    const y = (value) => HEIGHT - (value / top) * HEIGHT;
    const at = this.state.at === undefined ? undefined : Math.min(this.state.at, times.length - 1);
    const shown = at ?? times.length - 1;
    const shapes = series.flatMap(({ color, values }) => {
      // What nobody looked at is left out: a line over it would show what never was.
      return stretches(times).flatMap(([from, to]) => {
        const points = values
          .slice(from, to)
          .map((value, index) => [x(times[from + index] ?? last), y(value)]);
        const [start = [0, HEIGHT]] = points;
        if (points.length === 1)
          points.unshift([times.length === 1 ? 0 : (start[0] ?? 0) - 2, start[1] ?? 0]);
        const line = points.map(([left = 0, top = 0]) => `${round(left)},${round(top)}`).join(" ");
        const [left, right] = [round(points[0]?.[0] ?? 0), round(points.at(-1)?.[0] ?? WIDTH)];
        return [
          h("polygon", { class: `area ${color}`, points: `${left},${HEIGHT} ${line} ${right},${HEIGHT}` }),
          h("polyline", { class: `line ${color}`, points: line }),
        ];
      });
    });
    const cursor =
      at === undefined
        ? []
        : [
            h("line", {
              class: "cursor",
              x1: x(times[at] ?? last),
              x2: x(times[at] ?? last),
              y1: 0,
              y2: HEIGHT,
            }),
          ];
    const said = series.map(({ name, values }) => `${name} ${format(values[shown] ?? 0)}`).join(", ");
    const plot = h(
      "svg",
      {
        class: "plot",
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${title}: ${said}`,
        ...(small ? {} : { tabIndex: 0, onKeyDown: this.onKey, onBlur: this.onLeave }),
        onPointerMove: this.onPointer,
        onPointerLeave: this.onLeave,
      },
      small ? [] : [h("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 })],
      shapes,
      cursor,
    );
    if (small) return h("div", { class: "chart small" }, plot);
    return h(
      "figure",
      { class: "chart" },
      h(
        "figcaption",
        {},
        h("span", { class: "title" }, title),
        h(
          "span",
          { class: "legend" },
          series.map(({ name, color, values }) =>
            h(
              "span",
              {},
              h("i", { class: `swatch ${color}` }),
              series.length > 1 ? `${name} ` : "",
              h("b", {}, format(values[shown] ?? 0)),
            ),
          ),
          at === undefined
            ? null
            : h("span", { class: "quiet" }, `${duration(last - (times[at] ?? last))} ago`),
        ),
      ),
      h(
        "div",
        { class: "with-axis" },
        h(
          "div",
          { class: "axis", "aria-hidden": true },
          h("span", {}, format(top)),
          h("span", {}, format(top / 2)),
          h("span", {}, "0"),
        ),
        plot,
      ),
      h(
        "div",
        { class: "time-axis", "aria-hidden": true },
        h("span", {}, last === first ? "" : `${duration(last - first)} ago`),
        h("span", {}, "now"),
      ),
    );
  }

  /** @param {PointerEvent} event */
  onPointer = (event) => {
    const box = /** @type {SVGElement} */ (event.currentTarget).getBoundingClientRect();
    const { times } = this.props;
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    const ms = first + ((event.clientX - box.left) / box.width) * (last - first);
    const after = times.findIndex((time) => time >= ms);
    this.setState({ at: after === -1 ? times.length - 1 : after });
  };

  /** @param {KeyboardEvent} event */
  onKey = (event) => {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const end = this.props.times.length - 1;
    this.setState(({ at = end }) => ({ at: Math.max(0, Math.min(end, at + step)) }));
  };

  onLeave = () => this.setState({ at: undefined });
}

/** More bars than this can't be told apart on a phone. */
const MAX_BARS = 16;

/**
 * Puts neighbouring buckets together, each bar growing by the same factor, and fills the gaps between them.
 *
 * @param {import("@poolmq/shared/internal").RunTimes["histogram"]} histogram
 */
function barsOf(histogram) {
  const GROWTH = 1.05;
  const places = histogram.map(({ upToMs }) => Math.round(Math.log(upToMs ?? 1) / Math.log(GROWTH)));
  const [first = 0, last = 0] = [places[0], places.at(-1)];
  const width = Math.max(2, Math.ceil((last - first + 1) / MAX_BARS));
  const bars = Array.from({ length: Math.ceil((last - first + 1) / width) }, (_, bar) => ({
    fromMs: GROWTH ** (first + bar * width - 1),
    upToMs: GROWTH ** (first + (bar + 1) * width - 1),
    items: 0,
  }));
  histogram.forEach(({ items }, place) => {
    const bar = bars[Math.floor(((places[place] ?? 0) - first) / width)];
    if (bar !== undefined) bar.items += items;
  });
  return bars;
}

/**
 * How many items took how long: each bar reaches up to a time that is the same factor longer than the one before.
 *
 * @param {{ runTimes: import("@poolmq/shared/internal").RunTimes }} props
 */
export function Histogram({ runTimes: { histogram, medianMs, p95Ms } }) {
  if (histogram.length === 0) return h("p", { class: "quiet" }, "No item has ended yet.");
  const shown = barsOf(histogram);
  const most = Math.max(...shown.map(({ items }) => items));
  // As many labels as fit side by side; the others are for those who do not see them.
  const every = Math.ceil(shown.length / LABELS);
  const bars = shown.map(({ fromMs, upToMs, items }, place) => {
    return h(
      "li",
      { key: upToMs, title: `${duration(fromMs)} to ${duration(upToMs)}: ${count(items)}` },
      h(
        "span",
        { class: "bar-box" },
        h("span", {
          class: "bar",
          style: { height: items === 0 ? "0" : `max(2px, ${(items / most) * 100}%)` },
        }),
      ),
      h(
        "span",
        { class: "bar-label" },
        h("span", { class: place % every === 0 ? "" : "hidden" }, duration(upToMs)),
      ),
      h("span", { class: "hidden" }, `: ${count(items)} items`),
    );
  });
  return h(
    "div",
    { class: "histogram" },
    h("ol", { class: "bars", "aria-label": "Items by run time" }, bars),
    medianMs === null || p95Ms === null
      ? null
      : h(
          "p",
          { class: "quiet" },
          `Half of them took at most ${duration(medianMs)}, 95% at most ${duration(p95Ms)}.`,
        ),
  );
}

/** The parts of the times between which nobody failed to look: from, to (excluded). @param {readonly number[]} times */
function stretches(times) {
  /** @type {[number, number][]} */
  const found = [];
  times.forEach((time, index) => {
    const before = times[index - 1];
    const current = found.at(-1);
    if (current === undefined || before === undefined || time - before > GAP_MS)
      found.push([index, index + 1]);
    else current[1] = index + 1;
  });
  return found;
}

/** A round number at or above the highest value. @param {number} highest @param {number} base */
function niceTop(highest, base) {
  if (highest === 0) return 1;
  const power = base ** Math.floor(Math.log(highest) / Math.log(base));
  const steps = base === 10 ? [1, 2, 4, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
  return (steps.find((step) => step * power >= highest) ?? base) * power;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
