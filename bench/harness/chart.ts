/** The chart of a run: how each figure stands to its target. */

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

import { targetOf, valueOf } from "./print.ts";
import type { RowResult } from "./row-result.ts";
import { isMet } from "./row.ts";

/** What of an element is needed here: a browser's types are not at hand. */
interface Svg {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
}

const MET = "#2a7f62";
const UNMET = "#c8553d";

export function chart(results: readonly RowResult[]): string {
  const { document } = parseHTML("<!doctype html><html></html>") as unknown as { document: object };
  const points = results.flatMap(({ id, checks }) =>
    checks.map((check) => ({
      label: `${id}. ${check.what}`,
      // A value of 1 or more means that the target is met, whether it is a least or a most.
      x: check.target.is === "≥" ? check.value / check.target.value : check.target.value / check.value,
      text: `${valueOf(check)} (${targetOf(check)})`,
      met: isMet(check),
    })),
  );
  const options = {
    document,
    width: 1100,
    height: 70 + 22 * points.length,
    marginLeft: 480,
    marginRight: 150,
    style: { fontFamily: "system-ui, sans-serif", fontSize: "12px", background: "white" },
    x: { type: "log", label: "times better than the target →", grid: true, tickFormat: "~r" },
    y: { label: null, domain: points.map(({ label }) => label) },
    marks: [
      Plot.ruleX([1], { stroke: "#444" }),
      Plot.ruleY(points, {
        x1: 1,
        x2: "x",
        y: "label",
        stroke: (point: { met: boolean }) => (point.met ? MET : UNMET),
        strokeWidth: 2,
      }),
      Plot.dot(points, {
        x: "x",
        y: "label",
        r: 5,
        fill: (point: { met: boolean }) => (point.met ? MET : UNMET),
      }),
      // Beside the frame, where no line crosses it.
      Plot.text(points, { y: "label", text: "text", frameAnchor: "right", dx: 15, textAnchor: "start" }),
    ],
  } satisfies Plot.PlotOptions;
  const svg = (Plot.plot as (options: Plot.PlotOptions) => unknown)(options) as Svg;
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
