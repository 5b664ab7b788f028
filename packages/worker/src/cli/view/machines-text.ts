/** Worker machines with their processes, and what each of them runs. */

import { unfitPlace } from "../../watch/machine-view.ts";
import type { ChildView, MachineView, MapView } from "../../watch/queue-view.ts";

import { cutLine } from "./cut-line.ts";
import { bytes, clean, count, cut, duration } from "./format.ts";
import { paint } from "./paint.ts";
import { isStraggler } from "./straggler.ts";
import { table } from "./table.ts";
import type { Column } from "./table.ts";

/** After this long without a heartbeat, in ms, a machine is shown as late: it may be gone. */
export const LATE_MS = 2_500;

export function machinesText(
  machines: readonly MachineView[],
  { atMs, width, maps = [] }: { atMs: number; width: number; maps?: readonly MapView[] },
): string[] {
  return machines.flatMap((machine) => [
    headOf(machine, width),
    ...indented(tasksOf(machine, width - 2)),
    ...indented(childrenOf(machine, { atMs, width: width - 2, maps })),
  ]);
}

function headOf(
  { host, pid, version, node, codeVersion, processes, concurrency, silentMs }: MachineView,
  width: number,
): string {
  const many = `${processes} ${processes === 1 ? "process" : "processes"}`;
  const facts = [
    concurrency === 1 ? many : `${many} × ${concurrency}`,
    `poolmq ${version}`,
    `node ${node}`,
    ...(codeVersion === null ? [] : [`code ${codeVersion}`]),
    ...(silentMs > LATE_MS ? [`silent for ${duration(silentMs)}`] : []),
  ];
  const name = clean(`${host}:${pid}`);
  return cutLine(width, [name, "bold"], [`  ${clean(facts.join(" · "))}`]);
}

function tasksOf({ tasks, unfit }: MachineView, width: number): string[] {
  if (unfit !== null) {
    return [paint("red", cut(clean(`can't run anything${unfitPlace(unfit)}: ${unfit.reason}`), width))];
  }
  return [paint("dim", cut(clean(`tasks: ${Object.keys(tasks).join(", ")}`), width))];
}

function childrenOf(
  { children, unfit }: MachineView,
  { atMs, width, maps }: { atMs: number; width: number; maps: readonly MapView[] },
): string[] {
  if (unfit !== null) return [];
  if (children === null) return [paint("dim", cut("it did not tell what its processes run", width))];
  const isLate = ({ running }: ChildView): boolean => running.some((run) => isStraggler(run, atMs, maps));
  const columns: readonly Column<ChildView>[] = [
    { title: "PROCESS", align: "right", cell: ({ pid }) => String(pid) },
    {
      title: "RUNS",
      cell: (child) => runsOf(child),
      style: (child) => (isLate(child) ? "red" : child.running.length === 0 ? "dim" : undefined),
      shrinkTo: 16,
    },
    {
      title: "FOR",
      align: "right",
      cell: (child) => `${forOf(child.running[0]?.sinceMs, atMs)}${isLate(child) ? "!" : ""}`,
      style: (child) => (isLate(child) ? "red" : undefined),
    },
    { title: "ITEMS", align: "right", cell: ({ items }) => count(items), optional: 1 },
    {
      title: "MEMORY",
      align: "right",
      cell: ({ memoryBytes }) => (memoryBytes === null ? "" : bytes(memoryBytes)),
      optional: 2,
    },
  ];
  return table(children, columns, width);
}

function runsOf({ state, running }: ChildView): string {
  const [first] = running;
  if (first === undefined) return state === "ready" ? "idle" : state;
  const { task, mapId, index, items, attempt } = first;
  const which = items === 1 ? `${index}` : `${index} (of ${items})`;
  const again = attempt > 1 ? `, attempt ${attempt}` : "";
  const more = running.length > 1 ? ` and ${running.length - 1} more` : "";
  return `${task} ${which} of ${mapId}${again}${more}`;
}

function forOf(sinceMs: number | undefined, atMs: number): string {
  return sinceMs === undefined ? "" : duration(Math.max(0, atMs - sinceMs));
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
