/**
 * Looks at a queue: what its machines and producers tell of themselves, put together into a `QueueView`.
 *
 *   producer ──report, once a second──▶ maps, map-info ──┐
 *   machine ──heartbeat, once a second─▶ workers, worker-info, worker-detail ──read──▶ QueueView
 *                 ▲                                                                       │
 *                 └────────────── watch (a key that expires), control ◀───────────────────┘
 *
 * What only watchers want to know is told only while there are some: machines see the key with their heartbeat.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { parseObject, queueKeys, readMapReport, readQueue, WATCH_TTL_MS } from "@poolmq/shared/internal";
import type { ControlMessage, ErrorGroup, QueueKeys } from "@poolmq/shared/internal";

import { machineView } from "./machine-view.ts";
import { durableMapView, mapView } from "./map-view.ts";
import type { ErrorsView, MapView, QueueView, RedisView } from "./queue-view.ts";

/** A machine hears of a watcher at once; one that has not told by then is older, or busy. */
const FIRST_LOOK_MS = 1_000;
const FIRST_LOOK_POLL_MS = 20;

export class QueueWatcher {
  readonly #redis: Redis | Cluster;
  readonly #queue: string;
  readonly #keys: QueueKeys;
  #watchedAt = -Infinity;

  /** The connection stays the caller's. */
  constructor(
    redis: Redis | Cluster,
    { queue, prefix }: { readonly queue: string; readonly prefix?: string | undefined },
  ) {
    this.#redis = redis;
    this.#queue = queue;
    this.#keys = queueKeys(queue, prefix);
  }

  /** Looks. Made for about once a second: machines tell what they run as long as it is called every few seconds. */
  async read(): Promise<QueueView> {
    const [view] = await Promise.all([this.#read(), this.#watch()]);
    return view;
  }

  /** Looks once, and waits for a moment until every machine has told what it runs. */
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

  /** Gives the errors of a map; `undefined` if its producer did not tell of it. */
  async errors(mapId: string): Promise<ErrorsView | undefined> {
    const [info, texts] = await Promise.all([
      this.#redis.hget(this.#keys.mapInfo, mapId),
      this.#redis.hgetall(this.#keys.errors(mapId)),
    ]);
    const report = info === null ? undefined : readMapReport(info)?.report;
    if (report === undefined) return undefined;
    const groups = (report.errors ?? []).flatMap((count, number) => {
      const group = readGroup(texts[number]);
      if (group === undefined) return [];
      const indices = group.indices.toSorted((a, b) => a - b);
      return [{ ...group, stack: group.stack ?? null, indices, count }];
    });
    const told = groups.reduce((sum, { count }) => sum + count, 0);
    return {
      mapId,
      task: report.task,
      failed: report.failed,
      groups: groups.toSorted((a, b) => b.count - a.count),
      others: Math.max(0, report.failed - told),
    };
  }

  async #watch(): Promise<void> {
    const lapsed = performance.now() - this.#watchedAt > WATCH_TTL_MS;
    this.#watchedAt = performance.now();
    await this.#redis.set(this.#keys.watch, "1", "PX", WATCH_TTL_MS);
    if (!lapsed) return;
    await this.#redis.publish(this.#keys.control, JSON.stringify({ t: "watch" } satisfies ControlMessage));
  }

  async #read(): Promise<QueueView> {
    const { atMs, jobs, info, machines, reports } = await readQueue(this.#redis, this.#keys);
    const views = reports.flatMap(({ id, text }) => {
      const read = readMapReport(text);
      if (read === undefined) return [];
      return [this.#withFound(mapView(id, read.report, read.toldAtMs, atMs), read.report.perJob, atMs)];
    });
    return {
      queue: this.#queue,
      atMs,
      jobs,
      redis: redisView(info),
      maps: (await Promise.all(views)).toSorted(byLife),
      machines: machines
        .flatMap(({ advertisement, detail, beatAtMs }) => {
          return machineView(advertisement, detail, beatAtMs, atMs) ?? [];
        })
        .toSorted((a, b) => (a.host + a.id < b.host + b.id ? -1 : 1)),
    };
  }

  /** A durable map goes on without its producer, and stays if items failed: what is there of it tells how it is. */
  async #withFound(map: MapView, perJob: number, atMs: number): Promise<MapView> {
    const mayBeThere = map.state === "failed" || (map.state === "running" && !map.producer.alive);
    if (!map.durable || !mayBeThere) return map;
    const [exists, hasFailed, total, jobs] = await Promise.all([
      this.#redis.exists(this.#keys.meta(map.id)),
      this.#redis.exists(this.#keys.failed(map.id)),
      this.#redis.hget(this.#keys.meta(map.id), "total"),
      this.#redis.bitcount(this.#keys.done(map.id)),
    ]);
    const found = {
      exists: exists === 1,
      hasFailed: hasFailed === 1,
      jobs,
      total: total === null ? undefined : Number(total),
    };
    return durableMapView(map, found, perJob, atMs);
  }
}

/** Those that run, the oldest first; then those that ended, the last first. */
function byLife(a: MapView, b: MapView): number {
  if (a.endedAtMs === null || b.endedAtMs === null) {
    if (a.endedAtMs !== b.endedAtMs) return a.endedAtMs === null ? -1 : 1;
    return a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : 1);
  }
  return b.endedAtMs - a.endedAtMs || (a.id < b.id ? -1 : 1);
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
