/** Merges the views of several shards into one view of the queue. */

import { kindOfError } from "@poolmq/shared/internal";

import type {
  ErrorGroupView,
  ErrorsView,
  MachineView,
  MapView,
  QueueView,
  RedisView,
  ShardView,
} from "./queue-view.ts";

/** The view of one shard; absent if the shard does not answer. */
export interface ShardLook {
  readonly address: string;
  readonly view: QueueView | undefined;
}

/** Gives one view of all; `undefined` if no shard answers. */
export function mergeViews(queue: string, looks: readonly ShardLook[]): QueueView | undefined {
  const views = looks.flatMap(({ view }) => view ?? []);
  const [first] = views;
  if (first === undefined) return undefined;
  const sum = (count: (view: QueueView) => number): number =>
    views.reduce((all, view) => all + count(view), 0);
  const limited = sum(({ jobs }) => jobs.limited ?? 0);
  return {
    queue,
    atMs: first.atMs,
    paused: views.some(({ paused }) => paused),
    jobs: {
      waiting: sum(({ jobs }) => jobs.waiting),
      active: sum(({ jobs }) => jobs.active),
      delayed: sum(({ jobs }) => jobs.delayed),
      ...(limited === 0 ? {} : { limited }),
    },
    redis: views.map(({ redis }) => redis).reduce(fuller),
    maps: merged(views, ({ maps }) => maps, mergeMaps),
    machines: merged(views, ({ machines }) => machines, mergeMachines),
    shards: looks.map(({ address, view }): ShardView => {
      return view === undefined
        ? { address, answers: false, jobs: null, redis: null }
        : { address, answers: true, jobs: view.jobs, redis: view.redis };
    }),
  };
}

/** Merges the errors of a map. Each shard has all of them or, if the map has no producer, only those of its own items. */
export function mergeErrors(told: readonly ErrorsView[], isWhole: boolean): ErrorsView | undefined {
  const [first] = told;
  if (first === undefined) return undefined;
  const both = (a: number, b: number): number => (isWhole ? Math.max(a, b) : a + b);
  const groups = new Map<string, ErrorGroupView>();
  for (const group of told.flatMap((view) => view.groups)) {
    const key = kindOfError(group);
    const other = groups.get(key);
    groups.set(key, other === undefined ? group : mergeGroups(other, group, both));
  }
  const failed = told.map((view) => view.failed).reduce(both);
  const sorted = [...groups.values()].toSorted((a, b) => b.count - a.count);
  const grouped = sorted.reduce((all, { count }) => all + count, 0);
  return { ...first, failed, groups: sorted, others: Math.max(0, failed - grouped) };
}

function mergeGroups(
  a: ErrorGroupView,
  b: ErrorGroupView,
  both: (a: number, b: number) => number,
): ErrorGroupView {
  const lastAtMs = a.lastAtMs === null ? b.lastAtMs : Math.max(a.lastAtMs, b.lastAtMs ?? 0);
  const indices = [...new Set([...a.indices, ...b.indices])].toSorted((one, other) => one - other);
  const messagesDiffer = a.messagesDiffer || b.messagesDiffer || a.message !== b.message;
  return { ...a, messagesDiffer, count: both(a.count, b.count), lastAtMs, indices };
}

/** By id, in the order of the shards in which they come first. */
function merged<V extends { readonly id: string }>(
  views: readonly QueueView[],
  listOf: (view: QueueView) => readonly V[],
  merge: (a: V, b: V) => V,
): V[] {
  const byId = new Map<string, V>();
  for (const found of views.flatMap(listOf)) {
    const other = byId.get(found.id);
    byId.set(found.id, other === undefined ? found : merge(other, found));
  }
  return [...byId.values()];
}

/** A machine reports the same to all shards, so the latest report counts. */
function mergeMachines(a: MachineView, b: MachineView): MachineView {
  const [newer, older] = a.silentMs <= b.silentMs ? [a, b] : [b, a];
  // A machine reports what it runs only to shards on which it knows of a watcher, which may be one of two.
  return newer.children === null ? { ...newer, waiting: older.waiting, children: older.children } : newer;
}

/**
 * A producer reports the same to all shards. The remains of a map without a producer are counted on each shard, and
 * added.
 */
function mergeMaps(a: MapView, b: MapView): MapView {
  const retriable = a.retriable || b.retriable;
  const isCounted =
    a.durable && [a, b].every(({ state, producer }) => state === "running" && !producer.alive);
  if (isCounted) {
    const done = Math.min(a.total ?? Infinity, a.done + b.done);
    const running = a.total === null ? Math.max(a.running, b.running) : a.total - done;
    return { ...a, done, failed: a.failed + b.failed, running, retriable };
  }
  if (a.state === "running" && b.state === "running") {
    const newer = a.producer.silentMs <= b.producer.silentMs ? a : b;
    // The map runs if it runs on one of the shards.
    const runs = [a, b].find(({ waitsFor }) => waitsFor === null) ?? newer;
    const { waitsFor, itemsPerS, leftMs } = runs;
    return { ...newer, waitsFor, itemsPerS, leftMs, retriable };
  }
  // If one shard was told of the map's end while the other was away, the end counts.
  return { ...(a.state === "running" ? b : a), retriable };
}

/** The Redis that is nearer to its memory limit; of two without a limit, the larger. */
function fuller(a: RedisView, b: RedisView): RedisView {
  const part = ({ usedBytes, maxBytes }: RedisView): number => (maxBytes === null ? 0 : usedBytes / maxBytes);
  if (part(a) !== part(b)) return part(a) > part(b) ? a : b;
  return a.usedBytes >= b.usedBytes ? a : b;
}
