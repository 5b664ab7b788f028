/** Draws a chart without a browser. */

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** What of an element is needed here: a browser's types are not at hand. */
interface Svg {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
}

export function svgOf(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<!doctype html><html></html>") as unknown as { document: object };
  const plot = Plot.plot as (options: object) => unknown;
  const svg = plot({ ...options, document }) as Svg;
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg.outerHTML}\n`;
}
