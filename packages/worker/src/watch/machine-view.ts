/** Makes the view of a worker machine from its last report. */

import { readAdvertisement } from "@poolmq/shared/redis";
import type { ChildDetail, WorkerDetail } from "@poolmq/shared/internal";

import type { ChildView, MachineView } from "./queue-view.ts";

/**
 * @param detail - its `WorkerDetail`, or `""` if it did not report one
 * @param beatAtMs - when its last heartbeat came
 * @param atMs - now; both by Redis's clock
 */
export function machineView(
  advertisement: string,
  detail: string,
  beatAtMs: number,
  atMs: number,
): MachineView | undefined {
  const told = readAdvertisement(advertisement);
  if (told === undefined) return undefined;
  const { id, host, pid, version, node, codeVersion, processes, concurrency, tasks, unfit } = told;
  const more = readDetail(detail);
  return {
    id,
    host,
    pid,
    version,
    node,
    codeVersion: codeVersion ?? null,
    silentMs: Math.max(0, atMs - beatAtMs),
    processes,
    concurrency,
    tasks,
    unfit: unfit ?? null,
    waiting: more?.waiting ?? null,
    // Converts the machine's times: its clock may differ from Redis's, which dates the heartbeat.
    children: more?.children.map((child) => childView(child, beatAtMs - more.nowMs)) ?? null,
  };
}

/** Says what of a machine that can't run anything is to blame, to be put behind that sentence. */
export function unfitPlace({ module, phase }: NonNullable<MachineView["unfit"]>): string {
  return module === "" ? "" : ` (${phase} of ${module})`;
}

function childView({ pid, state, items, rss, cpuMs, runs, spans }: ChildDetail, shiftMs: number): ChildView {
  return {
    pid,
    state,
    items,
    memoryBytes: rss ?? null,
    cpuMs: cpuMs ?? null,
    running: runs.map(({ task, map, at, n, offset, attempt, sinceMs }) => ({
      task,
      mapId: map,
      index: at + (offset ?? 0),
      items: n,
      attempt,
      sinceMs: sinceMs + shiftMs,
    })),
    spans: spans.map(({ no, task, map, fromMs, toMs, items: ran }) => ({
      no,
      task,
      mapId: map,
      fromMs: fromMs + shiftMs,
      toMs: toMs + shiftMs,
      items: ran,
    })),
  };
}

function readDetail(text: string): WorkerDetail | undefined {
  if (text === "") return undefined;
  try {
    const detail = JSON.parse(text) as Partial<WorkerDetail> | null;
    const isWhole =
      Number.isFinite(detail?.nowMs) &&
      Array.isArray(detail?.children) &&
      detail.children.every(({ runs, spans }) => Array.isArray(runs) && Array.isArray(spans));
    return isWhole ? (detail as WorkerDetail) : undefined;
  } catch {
    return undefined;
  }
}
