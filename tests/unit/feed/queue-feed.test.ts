import { expect, onTestFinished, test } from "vitest";

import type { FeedReader } from "../../../packages/worker/src/feed/queue-feed.ts";
import { QueueFeed } from "../../../packages/worker/src/feed/queue-feed.ts";
import type { ErrorsView, QueueView } from "../../../packages/worker/src/watch/queue-view.ts";

/** A queue on which one map runs, of which two items failed. */
const QUEUE: QueueView = {
  queue: "q",
  atMs: 1_000,
  paused: false,
  jobs: { waiting: 0, active: 1, delayed: 0 },
  redis: { product: "redis", version: "7.0.0", usedBytes: 1, maxBytes: null, clients: 1 },
  maps: [
    {
      id: "m",
      task: "fail",
      call: "map",
      state: "running",
      durable: false,
      producer: { host: "h", pid: 1, silentMs: 0 },
      startedAtMs: 0,
      endedAtMs: null,
      total: 3,
      done: 2,
      failed: 2,
      running: 1,
      waitsFor: null,
      itemsPerS: 1,
      leftMs: null,
      runTimes: { meanMs: null, p50Ms: null, p95Ms: null, maxMs: null, histogram: [] },
      retriable: false,
      reason: null,
    },
  ],
  machines: [],
} as unknown as QueueView;

const group = (message: string): ErrorsView["groups"][number] =>
  ({ name: "Error", message, count: 1, index: 0 }) as unknown as ErrorsView["groups"][number];

test("a map's errors are read again while their kinds do not add up to its failed items, and no longer", async () => {
  const first = { mapId: "m", task: "fail", failed: 2, groups: [group("a")], others: 1 };
  const whole = { ...first, groups: [group("a"), group("b")], others: 0 };
  const answers = [first, whole];
  let asked = 0;
  const feed = new QueueFeed({
    read: () => Promise.resolve(QUEUE),
    // The counts may be read before the last kind of error is written.
    errors: () => Promise.resolve(answers[Math.min(asked++, 1)]),
  });
  const events: (readonly ErrorsView[])[] = [];
  const third = Promise.withResolvers<void>();
  const tell = ({ errors }: { readonly errors: readonly ErrorsView[] }): void => {
    if (events.push(errors) === 3) third.resolve();
  };
  const reader: FeedReader = { onStart: tell, onTick: tell, onTrouble: ({ reason }) => third.reject(reason) };
  onTestFinished(feed.subscribe(reader));
  await third.promise;
  expect(events).toEqual([[first], [whole], []]);
  expect(asked).toBe(2);
});
