/** The chart of a run: each figure compared with its target. */

import * as Plot from "@observablehq/plot";

import { targetOf, valueOf } from "./print.ts";
import type { RowResult } from "./row-result.ts";
import { isMet } from "./row.ts";
import { svgOf } from "./svg.ts";

const MET = "#2a7f62";
const UNMET = "#c8553d";

export function chart(results: readonly RowResult[]): string {
  const points = results.flatMap(({ id, checks }) =>
    checks.map((check) => ({
      label: `${id}. ${check.what}`,
      // A value of 1 or more means that the target is met, for lower and upper limits alike.
      x: check.target.is === "≥" ? check.value / check.target.value : check.target.value / check.value,
      text: `${valueOf(check)} (${targetOf(check)})`,
      met: isMet(check),
    })),
  );
  return svgOf({
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
      // Outside of the frame, where no line crosses it.
      Plot.text(points, { y: "label", text: "text", frameAnchor: "right", dx: 15, textAnchor: "start" }),
    ],
  });
}
