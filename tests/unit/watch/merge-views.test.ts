import { expect, test } from "vitest";

import { mergeErrors, mergeViews } from "../../../packages/worker/src/watch/merge-views.ts";
import type {
  ErrorsView,
  MachineView,
  MapView,
  QueueView,
} from "../../../packages/worker/src/watch/queue-view.ts";

const REDIS = { product: "redis", version: "8.2.0", usedBytes: 10, maxBytes: null, clients: 3 } as const;

function view(facts: Partial<QueueView> = {}): QueueView {
  const jobs = { waiting: 1, active: 2, delayed: 3 };
  return { queue: "q", atMs: 1_000, paused: false, jobs, redis: REDIS, maps: [], machines: [], ...facts };
}

function map(facts: Partial<MapView>): MapView {
  return { id: "m", state: "running", durable: false, total: 10, done: 4, failed: 0, ...facts } as MapView;
}

function machine(facts: Partial<MachineView>): MachineView {
  return { id: "w", silentMs: 100, processes: 2, waiting: null, children: null, ...facts } as MachineView;
}

function merged(...views: readonly (QueueView | undefined)[]): QueueView | undefined {
  return mergeViews(
    "q",
    views.map((each, at) => ({ address: `redis://${at}`, view: each })),
  );
}

test("jobs are added, and a shard that does not answer is shown as such", () => {
  const full = { ...REDIS, usedBytes: 5, maxBytes: 6 };
  const both = merged(view(), undefined, view({ paused: true, redis: full }));
  expect(both).toMatchObject({
    paused: true,
    jobs: { waiting: 2, active: 4, delayed: 6 },
    redis: full,
    shards: [{ answers: true }, { address: "redis://1", answers: false, jobs: null }, { redis: full }],
  });
  expect(merged(undefined, undefined)).toBeUndefined();
});

test("a machine is one, as it was heard of last", () => {
  const children = [] as const;
  const both = merged(
    view({ machines: [machine({ silentMs: 900, children, waiting: 1 })] }),
    view({ machines: [machine({ silentMs: 20, processes: 3 }), machine({ id: "other" })] }),
  );
  expect(both?.machines).toMatchObject([
    { id: "w", silentMs: 20, processes: 3, children, waiting: 1 },
    { id: "other" },
  ]);
});

test("a map is one: as its producer told of it last, and running if any part of it does", () => {
  const alive = { host: "h", pid: 1, silentMs: 0, alive: true };
  const older = map({ done: 3, producer: { ...alive, silentMs: 700 }, waitsFor: null, itemsPerS: 2 });
  const newer = map({ done: 5, producer: alive, waitsFor: "turn", itemsPerS: 0 });
  const both = merged(view({ maps: [older] }), view({ maps: [newer] }));
  expect(both?.maps).toMatchObject([{ done: 5, waitsFor: null, itemsPerS: 2 }]);
  const ended = map({ state: "done", done: 10, producer: alive });
  expect(merged(view({ maps: [newer] }), view({ maps: [ended] }))?.maps).toMatchObject([{ state: "done" }]);
});

test("of a map without a producer, what each shard has counts", () => {
  const gone = { host: "h", pid: 1, silentMs: 60_000, alive: false };
  const part = map({ durable: true, done: 4, failed: 1, producer: gone, retriable: true });
  const both = merged(view({ maps: [part] }), view({ maps: [{ ...part, done: 3, retriable: false }] }));
  expect(both?.maps).toMatchObject([{ done: 7, failed: 2, running: 3, retriable: true }]);
});

test("errors that all shards tell of count once, those that each has counted are added", () => {
  const group = {
    name: "E",
    message: "no",
    messagesDiffer: false,
    count: 2,
    lastAtMs: 5,
    stack: null,
    indices: [1, 4],
  };
  const told: ErrorsView = { mapId: "m", task: "t", failed: 3, groups: [group], others: 1 };
  const other = { ...told, groups: [{ ...group, lastAtMs: 9, indices: [2] }] };
  expect(mergeErrors([told, other], true)).toMatchObject({
    failed: 3,
    groups: [{ count: 2, lastAtMs: 9, indices: [1, 2, 4] }],
    others: 1,
  });
  expect(mergeErrors([told, other], false)).toMatchObject({ failed: 6, groups: [{ count: 4 }], others: 2 });
});

test("errors that differ in numbers are of one kind, whichever shard has the first of them", () => {
  const group = { name: "E", messagesDiffer: false, count: 1, lastAtMs: null, stack: null };
  const row = (n: number): ErrorsView => {
    const groups = [{ ...group, message: `row ${n}`, indices: [n] }];
    return { mapId: "m", task: "t", failed: 1, groups, others: 0 };
  };
  const both = { failed: 2, others: 0 };
  expect(mergeErrors([row(1), row(1)], false)).toMatchObject({
    ...both,
    groups: [{ message: "row 1", messagesDiffer: false, count: 2 }],
  });
  expect(mergeErrors([row(1), row(2)], false)).toMatchObject({
    ...both,
    groups: [{ message: "row 1", messagesDiffer: true, count: 2, indices: [1, 2] }],
  });
});
