/** A map, from what its producer told of it last. */

import { PRODUCER_SILENCE_MS, runTimesOf } from "@poolmq/shared/internal";
import type { MapReport } from "@poolmq/shared/internal";

import type { MapView } from "./queue-view.ts";

/**
 * @param toldAtMs - when the report was written
 * @param atMs - now; both by Redis's clock
 */
export function mapView(id: string, report: MapReport, toldAtMs: number, atMs: number): MapView {
  const { task, call, host, pid, total, done, failed, running, perS } = report;
  const ended = report.state !== "running";
  const silentMs = ended ? 0 : Math.max(0, atMs - toldAtMs);
  const alive = silentMs <= PRODUCER_SILENCE_MS;
  const durable = report.durable === true;
  const isLost = !alive && !durable;
  return {
    id,
    task,
    call,
    state: isLost ? "lost" : report.state,
    durable,
    producer: { host, pid, silentMs, alive: alive && !ended },
    startedAtMs: report.startedAtMs ?? toldAtMs - report.ageMs,
    endedAtMs: ended || isLost ? toldAtMs : null,
    total: total ?? null,
    done,
    failed,
    running,
    itemsPerS: alive ? perS : 0,
    leftMs: ended || !alive ? null : leftMs(total, done, perS),
    runTimes: runTimesOf(report.runTimes, report.timesMs, report.maxMs),
    retriable: false,
    reason: report.reason ?? (isLost ? "its producer is gone" : null),
  };
}

/** What Redis has of a durable map. */
export interface FoundMap {
  readonly exists: boolean;
  /** Number of jobs that have their outcome. */
  readonly jobs: number;
  readonly total: number | undefined;
  /** There are jobs of which an item failed. */
  readonly hasFailed: boolean;
}

/** A durable map whose producer is gone or has delivered it, from what Redis has of it. */
export function durableMapView(map: MapView, found: FoundMap, perJob: number, atMs: number): MapView {
  const view = map.state === "running" ? unattendedMapView(map, found, perJob, atMs) : map;
  return { ...view, retriable: found.exists && found.hasFailed };
}

function unattendedMapView(map: MapView, found: FoundMap, perJob: number, atMs: number): MapView {
  if (!found.exists)
    return { ...map, state: "lost", endedAtMs: atMs, reason: "it was fetched meanwhile, or has expired" };
  const total = found.total ?? map.total;
  const done = Math.min(total ?? Infinity, Math.round(found.jobs * perJob));
  return { ...map, total, done, running: total === null ? map.running : total - done };
}

function leftMs(total: number | undefined, done: number, perS: number): number | null {
  if (total === undefined || perS <= 0) return null;
  return ((total - done) / perS) * 1_000;
}
