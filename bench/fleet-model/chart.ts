/** The chart of the model: how many items a second Redis carries, and how many a fleet asks for. */

import * as Plot from "@observablehq/plot";

import { svgOf } from "../harness/svg.ts";
import type { Costs } from "./costs.ts";
import { fleetOf, SHARDS } from "./sizes.ts";
import { throughputOf } from "./throughput.ts";

const MACHINES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000] as const;
const ITEM_MS = 10;

export function fleetChart(costs: Costs): string {
  const work = { itemMs: ITEM_MS, chunksize: 1 };
  const points = SHARDS.flatMap((shards) =>
    MACHINES.map((machines) => {
      const { itemsPerS, limit } = throughputOf(costs, fleetOf(machines, shards, machines), work);
      const name = shards === 1 ? "1 server" : `${shards} servers`;
      return { shards, name, machines, itemsPerS, limited: limit !== "slots" };
    }),
  );
  return svgOf({
    width: 800,
    height: 460,
    marginLeft: 80,
    marginRight: 90,
    style: { fontFamily: "system-ui, sans-serif", fontSize: "12px", background: "white" },
    x: { type: "log", label: "machines of eight processes →", grid: true, tickFormat: "~s" },
    y: { type: "log", label: `↑ items of ${ITEM_MS} ms a second, a job each`, grid: true, tickFormat: "~s" },
    color: { type: "ordinal", scheme: "viridis", domain: SHARDS },
    marks: [
      Plot.line(points, { x: "machines", y: "itemsPerS", z: "shards", stroke: "shards", strokeWidth: 2 }),
      Plot.dot(points, {
        x: "machines",
        y: "itemsPerS",
        stroke: "shards",
        // Filled where the fleet is not kept busy: a server, or something else, limits.
        fill: (point: { limited: boolean; shards: number }) => (point.limited ? point.shards : "white"),
        r: 4,
      }),
      Plot.text(
        points.filter(({ machines }) => machines === MACHINES.at(-1)),
        { x: "machines", y: "itemsPerS", text: "name", textAnchor: "start", dx: 10 },
      ),
    ],
  });
}
