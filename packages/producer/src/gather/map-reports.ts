/**
 * Reports this producer's maps to watchers: once a second, all of them in one script, and each once more when it ends. A
 * map that succeeds within its first second is not reported, so that small maps cost nothing. A map that fails always is,
 * because an operator must see a producer whose maps all fail at once.
 */

import { hostname } from "node:os";

import type { Cluster, Redis } from "ioredis";

import { CancelledError } from "@poolmq/shared";
import { errorFacts, WIRE_VERSION } from "@poolmq/shared/internal";
import {
  DURABLE_TTL_MS,
  MAP_TTL_MS,
  MAX_MAPS,
  removeMapReports,
  rewriteMapReport,
  writeErrorGroups,
  writeMapReports,
} from "@poolmq/shared/redis";
import type { ErrorGroups, Limit, MapReport } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { Measured } from "../account/map-account.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { MapEnd } from "../map/outcomes/sink.ts";
import type { JobOptions } from "../map/transport.ts";

/** A map that is reported. */
export interface ReportedMap {
  readonly id: string;
  readonly task: string;
  /** Name of the pool's method. */
  readonly call: string;
  readonly progress: MapProgress;
  readonly errors: ErrorGroups;
  readonly measured: Measured;
  readonly job: Pick<JobOptions, "limit">;
}

type State = MapReport["state"];

interface Reported {
  readonly map: ReportedMap;
  readonly durable: boolean;
  readonly openedAt: number;
  told: boolean;
  /** By Redis's clock; set after the first report, so that all later ones say the same. */
  startedAtMs: number | undefined;
  /** Number of items in the last report. */
  total: number | undefined;
}

const FIRST_REPORT_MS = 1_000;

/** A little less than a second, because timers are late and never early. */
const REPORT_MS = 950;

export class MapReports {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #maps = new Map<string, Reported>();
  #reportedAt = -Infinity;
  /** Whether a report is under way, so that reports do not pile up while Redis is away. */
  #busy = false;
  /** Last reports of maps that wait to be written, and the promise that they are. */
  #ends: (readonly [Reported, MapReport])[] = [];
  #tellingEnds: Promise<void> | undefined;

  constructor(redis: Redis | Cluster, keys: QueueKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  add(map: ReportedMap, { durable }: { readonly durable: boolean }): void {
    this.#maps.set(map.id, {
      map,
      durable,
      openedAt: performance.now(),
      told: false,
      startedAtMs: undefined,
      total: undefined,
    });
  }

  /** Stops reporting a map. */
  remove(mapId: string): void {
    this.#maps.delete(mapId);
  }

  /** To be called now and then. */
  tick(): void {
    const now = performance.now();
    if (this.#busy || now - this.#reportedAt < REPORT_MS) return;
    const due = [...this.#maps.values()].filter(({ openedAt }) => now - openedAt >= FIRST_REPORT_MS);
    if (due.length === 0) return;
    this.#reportedAt = now;
    this.#busy = true;
    // A lost report does no harm: the next one has the same counts.
    this.#tell(due.map((reported) => [reported, reportOf(reported, "running")] as const))
      .catch(() => {})
      .finally(() => (this.#busy = false));
  }

  /** Reports the end of a map; `undefined` if it is not to be reported. */
  ended(mapId: string, end: MapEnd): Promise<void> | undefined {
    const reported = this.#maps.get(mapId);
    this.#maps.delete(mapId);
    if (reported === undefined) return undefined;
    const { told, total: before } = reported;
    const { progress } = reported.map;
    const state = stateOf(end, progress);
    if (!told && state !== "failed" && progress.failed === 0) return undefined;
    const report = reportOf(reported, state);
    if (!("error" in end)) return this.#tellEnd(reported, report);
    // Its input was closed, and the items that were read count as all.
    const { total: now, ...rest } = report;
    const total = told ? before : now;
    const reason = reasonOf(end.error);
    return this.#tellEnd(reported, { ...rest, ...(total === undefined ? {} : { total }), reason });
  }

  /** Reports the end, in this process, of a map that another producer has reported. */
  async endedHere(mapId: string, end: MapEnd, { total, done, failed }: MapProgress): Promise<void> {
    await rewriteMapReport(this.#redis, this.#keys, mapId, (before) => {
      const state = stateOf(end, { failed });
      const ttlMs = state === "failed" ? DURABLE_TTL_MS : MAP_TTL_MS;
      const { unattended: _, jobs: __, ...rest } = before;
      return [ttlMs, { ...rest, state, total: total ?? done, done, failed, running: 0 }];
    });
  }

  /**
   * Writes the last reports, those that come meanwhile together: a thousand calls that fail in a second take a few scripts.
   */
  #tellEnd(reported: Reported, report: MapReport): Promise<void> {
    this.#ends.push([reported, report]);
    this.#tellingEnds ??= this.#tellEnds();
    return this.#tellingEnds;
  }

  async #tellEnds(): Promise<void> {
    try {
      // Waits for the other maps that end in this turn, to report them together.
      await Promise.resolve();
      // Redis keeps at most `MAX_MAPS` reports, so older ones would be removed at once.
      while (this.#ends.length > 0) await this.#tell(this.#ends.splice(0).slice(-MAX_MAPS));
    } finally {
      this.#ends = [];
      this.#tellingEnds = undefined;
    }
  }

  /** Removes the reports of all producers. */
  async obliterate(): Promise<void> {
    await removeMapReports(this.#redis, this.#keys);
  }

  async #tell(reports: readonly (readonly [Reported, MapReport])[]): Promise<void> {
    const errors = reports.map(([reported, report]) => this.#tellErrors(reported, keepMs(reported, report)));
    const written = writeMapReports(
      this.#redis,
      this.#keys,
      reports.map(([reported, report]) => [reported.map.id, keepMs(reported, report), report] as const),
    );
    const [atMs] = await Promise.all([written, ...errors]);
    for (const [reported, { ageMs }] of reports) reported.startedAtMs ??= atMs - ageMs;
  }

  async #tellErrors({ map }: Reported, ttlMs: number): Promise<void> {
    const { errors } = map;
    if (errors.counts.length === 0) return;
    const changed = errors.takeChanged();
    try {
      await writeErrorGroups(this.#redis, this.#keys, map.id, changed, ttlMs);
    } catch (error) {
      errors.putBack(new Set(changed.map(([number]) => number)));
      throw error;
    }
  }
}

function reportOf(reported: Reported, state: State): MapReport {
  const { map, durable, openedAt, startedAtMs } = reported;
  const { task, call, progress, measured, job } = map;
  const { total, done, failed, running, rate } = progress;
  reported.told = true;
  reported.total = total;
  const errors = map.errors.counts;
  const { times, jobs, quietMs } = measured;
  return {
    v: WIRE_VERSION,
    task,
    call,
    ...(durable ? { durable } : {}),
    host: hostname(),
    pid: process.pid,
    state,
    ageMs: Math.round(performance.now() - openedAt),
    ...(total === undefined ? {} : { total }),
    done,
    failed,
    running,
    perS: rounded(rate),
    perJob: jobs === 0 ? 1 : rounded(done / jobs),
    ...(job.limit === undefined ? {} : { atOnce: atOnceUnder(job.limit, times.sumMs / Math.max(1, done)) }),
    runTimes: times.buckets,
    timesMs: rounded(times.sumMs),
    maxMs: rounded(times.maxMs),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    quietMs: Math.round(quietMs),
    ...(errors.length === 0
      ? {}
      : { errors, errorsLastMs: map.errors.lastAt.map((at) => Math.round(at - openedAt)) }),
  };
}

/** How many jobs with this limit may run at the same time, if each takes `ms`. */
function atOnceUnder({ concurrency = Infinity, ratePerSecond = Infinity }: Limit, meanMs: number): number {
  return Math.min(concurrency, 1 + Math.ceil((ratePerSecond * meanMs) / 1_000));
}

/** How long a report is kept if no other follows, in ms: as long as its map can be taken up, or retried. */
function keepMs({ durable }: Reported, { state }: MapReport): number {
  return durable && (state === "running" || state === "failed") ? DURABLE_TTL_MS : MAP_TTL_MS;
}

function stateOf(end: MapEnd, { failed }: Pick<MapProgress, "failed">): State {
  if ("error" in end) return end.error instanceof CancelledError ? "cancelled" : "failed";
  return failed > 0 ? "failed" : "done";
}

/** Why the map ended; for a cancelled one, the reason of the cancel, because its state says the rest. */
function reasonOf(error: unknown): string {
  const cause = error instanceof CancelledError ? error.cause : error;
  if (cause === undefined) return "no reason was given";
  return typeof cause === "string" ? cause : errorFacts(cause).message;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
