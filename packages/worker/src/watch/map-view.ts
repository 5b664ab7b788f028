/** Makes the view of a map from its producer's last report. */

import { runTimesOf } from "@poolmq/shared/internal";
import { PRODUCER_SILENCE_MS } from "@poolmq/shared/redis";
import type { MapReport } from "@poolmq/shared/internal";

import type { MapView } from "./queue-view.ts";
import type { FoundMap } from "./unattended-map.ts";

/**
 * @param toldAtMs - when the report was written
 * @param atMs - now; both by Redis's clock
 */
export function mapView(id: string, report: MapReport, toldAtMs: number, atMs: number): MapView {
  const { task, call, host, pid, total, done, failed, running, perS } = report;
  const ended = report.state !== "running";
  const silentMs = ended ? 0 : Math.max(0, atMs - toldAtMs);
  const alive = silentMs <= PRODUCER_SILENCE_MS && report.unattended !== true;
  const durable = report.durable === true;
  const isLost = !alive && !durable && !ended;
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
    waitsFor: null,
    retriable: false,
    reason: report.reason ?? (isLost ? "its producer is gone" : null),
  };
}

/**
 * Makes the view, from its keys, of a durable map that is delivered or whose producer is gone.
 *
 * @param failed - number of its failed items, counted from the jobs that are kept
 * @param jobs - number of all its jobs, if that is known
 */
export function durableMapView(
  map: MapView,
  found: FoundMap,
  {
    failed,
    perJob,
    jobs,
  }: { readonly failed: number; readonly perJob: number; readonly jobs: number | undefined },
  atMs: number,
): MapView {
  const retriable = found.exists && found.failedJobs > 0;
  if (map.state !== "running") return { ...map, retriable };
  // The moment of its producer's last sign of life, which is the same at each look.
  const toldAtMs = atMs - map.producer.silentMs;
  if (!found.exists)
    return { ...map, state: "lost", endedAtMs: toldAtMs, reason: "it was fetched meanwhile, or has expired" };
  const total = found.total ?? map.total;
  const left = jobs === undefined ? undefined : Math.max(0, jobs - found.jobs);
  const counted =
    left === undefined || total === null ? found.jobs * perJob : total - (left === 0 ? 0 : left * perJob);
  const done = Math.min(total ?? Infinity, Math.max(0, Math.round(counted)));
  const running = total === null ? map.running : total - done;
  // Right after a retry, items may still be failing again. Another retry is offered once that is over.
  const isQuiet = map.producer.silentMs > PRODUCER_SILENCE_MS;
  return { ...map, total, done, failed, running, retriable: retriable && isQuiet };
}

function leftMs(total: number | undefined, done: number, perS: number): number | null {
  if (total === undefined || perS <= 0) return null;
  return ((total - done) / perS) * 1_000;
}
