/**
 * Reads a queue: the reports of its machines and producers, put together into a `QueueView`.
 *
 *   producer ──report, once a second──▶ maps, map-info ──┐
 *   machine ──heartbeat, once a second─▶ workers, worker-info, worker-detail ──read──▶ QueueView
 *                 ▲                                                                       │
 *                 └────────────── watch (a key that expires), control ◀───────────────────┘
 *
 * What only watchers need is reported only while there are watchers: machines see the key `watch` with their heartbeat.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { unlessFull } from "@poolmq/shared/internal";
import {
  parseObject,
  queueKeys,
  readMapReport,
  readQueue,
  redisNowMs,
  WATCH_TTL_MS,
  whatWaits,
} from "@poolmq/shared/redis";
import type { ControlMessage, ErrorGroup, MapReport } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";

import { machineView } from "./machine-view.ts";
import { durableMapView, mapView } from "./map-view.ts";
import type { ErrorGroupView, ErrorsView, MachineView, MapView, QueueView, RedisView } from "./queue-view.ts";
import { FailedItems, findMap, keptFailures } from "./unattended-map.ts";
import { waitsFor } from "./waits-for.ts";

/**
 * How long the first look waits, in ms. A machine reports as soon as somebody watches, unless it is an older version, or
 * busy.
 */
const FIRST_LOOK_MS = 1_000;
const FIRST_LOOK_POLL_MS = 20;

export class QueueWatcher {
  readonly #redis: Redis | Cluster;
  readonly #queue: string;
  readonly #keys: QueueKeys;
  readonly #failedItems: FailedItems;
  #watchedAt = -Infinity;

  /** The connection stays the caller's. */
  constructor(
    redis: Redis | Cluster,
    { queue, prefix }: { readonly queue: string; readonly prefix?: string | undefined },
  ) {
    this.#redis = redis;
    this.#queue = queue;
    this.#keys = queueKeys(queue, prefix);
    this.#failedItems = new FailedItems(redis, this.#keys);
  }

  /**
   * Reads the queue. To be called about once a second: machines report what they run as long as it is called every few
   * seconds.
   */
  async read(): Promise<QueueView> {
    const [view] = await Promise.all([this.#read(), this.#watch()]);
    return view;
  }

  /** Reads the queue once, and waits for a moment until every machine has reported what it runs. */
  async readOnce(): Promise<QueueView> {
    const deadline = performance.now() + FIRST_LOOK_MS;
    await this.#watch();
    for (;;) {
      const view = await this.#read();
      const isWhole = view.machines.every(({ children, unfit }) => children !== null || unfit !== null);
      if (isWhole || performance.now() > deadline) return view;
      await delay(FIRST_LOOK_POLL_MS);
    }
  }

  /** Gives the errors of a map; `undefined` if there is no report of it. */
  async errors(mapId: string): Promise<ErrorsView | undefined> {
    const [info, texts] = await Promise.all([
      this.#redis.hget(this.#keys.mapInfo, mapId),
      this.#redis.hgetall(this.#keys.errors(mapId)),
    ]);
    const told = info === null ? undefined : readMapReport(info);
    // A map without a producer has no reported failures: they are counted from the failed jobs that are kept.
    const isRead =
      told !== undefined &&
      (told.report.durable !== true ||
        told.report.state !== "running" ||
        mapView(mapId, told.report, told.toldAtMs, await redisNowMs(this.#redis)).producer.alive);
    return isRead ? toldErrors(mapId, told, texts) : await this.#keptErrors(mapId, told?.report);
  }

  async #keptErrors(mapId: string, report: MapReport | undefined): Promise<ErrorsView | undefined> {
    const found = await findMap(this.#redis, this.#keys, mapId);
    if (!found.exists) return undefined;
    const [task, kept, failed] = await Promise.all([
      this.#redis.hget(this.#keys.meta(mapId), "task"),
      keptFailures(this.#redis, this.#keys, mapId),
      this.#failedItems.count(mapId, found, report?.perJob ?? 0),
    ]);
    const { groups } = kept;
    const { counts } = groups;
    const views = groups.takeChanged().map(([number, group]) => groupView(group, counts[number] ?? 0, null));
    return errorsView(mapId, report?.task ?? task ?? "", failed, views);
  }

  async #watch(): Promise<void> {
    const lapsed = performance.now() - this.#watchedAt > WATCH_TTL_MS;
    this.#watchedAt = performance.now();
    // If Redis is full, the key can't be written; then only the details for watchers are missing.
    await unlessFull(this.#redis.set(this.#keys.watch, "1", "PX", WATCH_TTL_MS));
    if (!lapsed) return;
    await this.#redis.publish(this.#keys.control, JSON.stringify({ t: "watch" } satisfies ControlMessage));
  }

  async #read(): Promise<QueueView> {
    const { atMs, paused, jobs, info, machines: told, reports } = await readQueue(this.#redis, this.#keys);
    const machines = told
      .flatMap(({ advertisement, detail, beatAtMs }) => {
        return machineView(advertisement, detail, beatAtMs, atMs) ?? [];
      })
      .toSorted((a, b) => (a.host + a.id < b.host + b.id ? -1 : 1));
    const views = reports.flatMap(({ id, text }) => {
      const read = readMapReport(text);
      return read === undefined ? [] : [this.#view(id, read, atMs)];
    });
    const looked = (await Promise.all(views)).map(({ map, quietMs }) =>
      waiting(map, quietMs, { paused, machines }),
    );
    const maps = await Promise.all(
      looked.map(async (map): Promise<MapView> => {
        if (map.waitsFor !== "turn") return map;
        return { ...map, waitsFor: await whatWaits(this.#redis, this.#keys, map.id) };
      }),
    );
    return {
      queue: this.#queue,
      atMs,
      paused,
      jobs,
      redis: redisView(info),
      maps: maps.toSorted(byLife),
      machines,
    };
  }

  /**
   * Makes the view of a map. A durable map goes on without its producer, and stays if items failed; its view is made from
   * its keys.
   */
  async #view(
    id: string,
    { report, toldAtMs }: { readonly report: MapReport; readonly toldAtMs: number },
    atMs: number,
  ): Promise<{ readonly map: MapView; readonly quietMs: number }> {
    const map = mapView(id, report, toldAtMs, atMs);
    const mayBeThere = map.state === "failed" || (map.state === "running" && !map.producer.alive);
    if (!map.durable || !mayBeThere) return { map, quietMs: report.quietMs };
    const found = await findMap(this.#redis, this.#keys, id);
    const { perJob, jobs } = report;
    const failed = map.state === "running" ? await this.#failedItems.count(id, found, perJob) : map.failed;
    const quietMs = found.lastAtMs === undefined ? report.quietMs : atMs - found.lastAtMs;
    return { map: durableMapView(map, found, { failed, perJob, jobs }, atMs), quietMs };
  }
}

/** Removes rate and time left from the view of a map of which nothing runs. */
function waiting(
  map: MapView,
  quietMs: number,
  queue: { readonly paused: boolean; readonly machines: readonly MachineView[] },
): MapView {
  if (map.state !== "running") return map;
  const reason = waitsFor({ ...map, quietMs }, queue);
  return reason === null ? map : { ...map, waitsFor: reason, itemsPerS: 0, leftMs: null };
}

/** Orders maps: those that run come first, the oldest of them before the others; then those that ended, the last one first. */
function byLife(a: MapView, b: MapView): number {
  if (a.endedAtMs === null || b.endedAtMs === null) {
    if (a.endedAtMs !== b.endedAtMs) return a.endedAtMs === null ? -1 : 1;
    return a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1);
  }
  return b.endedAtMs - a.endedAtMs || (a.id < b.id ? -1 : 1);
}

function toldErrors(
  mapId: string,
  { report, toldAtMs }: { readonly report: MapReport; readonly toldAtMs: number },
  texts: Readonly<Record<string, string>>,
): ErrorsView {
  const { errors = [], errorsLastMs = [], startedAtMs = toldAtMs - report.ageMs } = report;
  const groups = errors.flatMap((count, number) => {
    const group = readGroup(texts[number]);
    const lastMs = errorsLastMs[number];
    return group === undefined
      ? []
      : [groupView(group, count, lastMs === undefined ? null : startedAtMs + lastMs)];
  });
  return errorsView(mapId, report.task, report.failed, groups);
}

function groupView(group: ErrorGroup, count: number, lastAtMs: number | null): ErrorGroupView {
  const { name, message, messagesDiffer = false, stack = null, indices } = group;
  return {
    name,
    message,
    messagesDiffer,
    count,
    lastAtMs,
    stack,
    indices: indices.toSorted((a, b) => a - b),
  };
}

function errorsView(
  mapId: string,
  task: string,
  failed: number,
  groups: readonly ErrorGroupView[],
): ErrorsView {
  const told = groups.reduce((sum, { count }) => sum + count, 0);
  const sorted = groups.toSorted((a, b) => b.count - a.count);
  return { mapId, task, failed, groups: sorted, others: Math.max(0, failed - told) };
}

function readGroup(text: string | undefined): ErrorGroup | undefined {
  const group = text === undefined ? undefined : parseObject<ErrorGroup>(text);
  const isWhole = typeof group?.name === "string" && typeof group.message === "string";
  return isWhole && Array.isArray(group.indices) ? group : undefined;
}

function redisView(info: string): RedisView {
  const fields = new Map(
    info.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
  const valkey = fields.get("valkey_version");
  const maxBytes = Number(fields.get("maxmemory") ?? 0);
  return {
    product: valkey === undefined ? "redis" : "valkey",
    version: valkey ?? fields.get("redis_version") ?? "unknown",
    usedBytes: Number(fields.get("used_memory") ?? 0),
    maxBytes: maxBytes === 0 ? null : maxBytes,
    clients: Number(fields.get("connected_clients") ?? 0),
  };
}
