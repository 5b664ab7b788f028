/** The part of docs/performance.md that the model writes: everything between its two markers. */

import type { Environment } from "../harness/environment.ts";
import { figure } from "../harness/print.ts";
import { ALLOWED_ERROR, errorOf } from "./cases/case.ts";
import type { Case } from "./cases/case.ts";
import { PARTS } from "./costs.ts";
import type { Costs, Part } from "./costs.ts";
import { itemsRows } from "./items.ts";
import { ITEM_MS, MACHINES, sizeOf } from "./sizes.ts";
import type { Size } from "./sizes.ts";
import { markdown } from "./table.ts";
import type { Table } from "./table.ts";

const BEGIN = "<!-- fleet model: written by `npm run bench -- --fleet-model --publish` -->";
const END = "<!-- end of fleet model -->";

export interface Measured {
  readonly at: string;
  readonly environment: Environment;
  readonly costs: Costs;
  readonly cases: readonly Case[];
}

export function withModel(page: string, measured: Measured): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/performance.md lacks its markers, ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${textOf(measured)}\n${page.slice(end)}`;
}

function textOf({ at, environment, costs, cases }: Measured): string {
  return [
    "### What it is made of",
    `CPU time in µs, measured on ${environment.cores} × ${environment.cpu}, Redis ${environment.versions["Redis"] ?? ""}, ${at.slice(0, 10)}. Up to ${figure(costs.mostTogether)} jobs share a turn; a job that comes alone has one for itself, in a process that has slept.`,
    markdown(costsTable(costs)),
    `A server that is held down loses ${figure(costs.coldStartUs / 1_000)} ms of CPU time each time when it may run again. An idle machine costs its supervisor ${figure(costs.idleMachine.supervisorUs / 1_000)} ms and Redis ${figure(costs.idleMachine.redisUs / 1_000)} ms of CPU time a second. A call takes ${figure(costs.callMs)} ms on one idle machine. Between two items of a place pass ${figure(costs.gapMs)} ms. Redis holds ${figure(costs.memory.jobBytes)} bytes for a job that waits and ${figure(costs.memory.machineKiB)} KiB for a machine; a producer, ${figure(costs.memory.resultBytes)} bytes for a number that came back.`,
    "### Predicted, and measured",
    markdown(casesTable(cases)),
    `${withinOf(cases)} of ${cases.length} are within ${ALLOWED_ERROR} %.`,
    "### Fleets",
    "Machines of eight processes, at a job each, whose producers keep all processes busy. What breaks first, with one server and one producer; with how many of them each is no more than half busy, or with which `chunksize` one of each is enough. The other columns are of the fleet that is enough.",
    markdown(
      sizesTable(MACHINES.flatMap((machines) => ITEM_MS.map((itemMs) => sizeOf(costs, machines, itemMs)))),
    ),
    "![Items a second that a fleet does, by its machines and servers](fleet-model.svg)",
    "### Maps",
    "Items of 100 ms at a job each on 100 machines of eight processes, from one producer:",
    markdown(itemsRows(costs)),
    "",
  ].join("\n\n");
}

export function withinOf(cases: readonly Case[]): number {
  return cases.filter((one) => Math.abs(errorOf(one)) <= ALLOWED_ERROR).length;
}

const NAMES: Record<Part, string> = {
  producer: "producer",
  supervisor: "supervisor",
  child: "process that runs tasks",
  redis: "Redis",
};

function costsTable(costs: Costs): Table {
  return [
    [
      "",
      "an item of a chunk",
      "a job among many",
      "more, while several producers' maps take turns",
      "a job alone",
    ],
    PARTS.map((part) => {
      const { itemUs, jobUs, turnUs } = costs[part];
      const amongMany = jobUs + itemUs + turnUs / costs.mostTogether;
      const alone = jobUs + itemUs + turnUs;
      return [NAMES[part], ...[itemUs, amongMany, costs.sharedJobUs[part], alone].map(figure)];
    }),
  ];
}

export function casesTable(cases: readonly Case[]): Table {
  return [
    ["fleet", "", "predicted", "measured", "error"],
    cases.map((one, n) => [
      cases[n - 1]?.fleet === one.fleet ? "" : one.fleet,
      one.what,
      `${figure(one.predicted)} ${one.unit}`.trim(),
      `${figure(one.measured)} ${one.unit}`.trim(),
      `${errorOf(one) > 0 ? "+" : ""}${errorOf(one).toFixed(0)} %`,
    ]),
  ];
}

const LIMITS: Record<Size["first"]["limit"], string> = {
  slots: "nothing",
  producer: "the producer",
  supervisor: "supervisors",
  child: "processes",
  redis: "Redis",
  cores: "cores",
};

function sizesTable(sizes: readonly Size[]): Table {
  return [
    [
      "machines",
      "items of",
      "asked for",
      "breaks first",
      "servers",
      "producers",
      "or `chunksize`",
      "each Redis busy",
      "a call",
      "connections of each",
      "each Redis holds",
      "a tenth lost, made up after",
    ],
    sizes.map(({ first, enough, recoveryMs, ...size }) => [
      figure(size.machines),
      `${figure(size.itemMs)} ms`,
      `${figure(size.wantedPerS)}/s`,
      first.limit === "slots" ? "nothing" : `${LIMITS[first.limit]}, at ${figure(first.itemsPerS)}/s`,
      enough === undefined ? "16 do not do" : figure(enough.shards),
      enough === undefined ? "" : figure(enough.producers),
      size.chunksize === undefined ? "none does" : figure(size.chunksize),
      `${figure(100 * size.redis)} %`,
      `${figure(size.callMs)} ms`,
      figure(size.connections),
      `${figure(size.redisMiB)} MiB`,
      recoveryMs === undefined ? "" : `${figure(recoveryMs / 1_000)} s`,
    ]),
  ];
}
