import { ClockShift, InsightLog } from "@poolmq/producer/internal";
import { runTimesOf, TimeSketch } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { seededRandom } from "../../support/random.ts";

const random = seededRandom(7);
const COUNTS = { done: 100, failed: 0 };
const JOB = { at: 0, n: 1, ms: 1, ageMs: undefined, transitMs: undefined, by: undefined };

test.each([
  ["even", (part: number) => 1 + part * 999],
  ["of all sizes", (part: number) => 10 ** (part * 8 - 3)],
  ["mostly small", (part: number) => (part < 0.95 ? 1 : 1_000)],
])("percentiles of times that are %s are within 2.5 %", (_, timeAt) => {
  const times = Array.from({ length: 10_000 }, (__, i) => timeAt(i / 10_000));
  const log = new InsightLog();
  for (const ms of times.toSorted(() => random() - 0.5)) log.came({ ...JOB, ms });
  const read = log.read(COUNTS).running;
  const near = (value: number | undefined, expected = 0): void => {
    expect(Math.abs((value ?? 0) - expected) / expected).toBeLessThan(0.026);
  };
  near(read?.p50Ms, times[4_999]);
  near(read?.p90Ms, times[8_999]);
  near(read?.p99Ms, times[9_899]);
  near(read?.meanMs, times.reduce((sum, ms) => sum + ms, 0) / times.length);
  expect(read?.maxMs).toBe(times.at(-1));
});

test("no time has no percentiles, and no time at all has some", () => {
  const log = new InsightLog();
  expect(log.read(COUNTS).running).toBeUndefined();
  log.came({ ...JOB, n: 3, ms: 0 });
  expect(log.read(COUNTS).running?.p99Ms).toBe(0);
});

test("who reads what was told of run times sees what the producer sees", () => {
  const sketch = new TimeSketch();
  for (let i = 0; i < 60; i++) sketch.add(505 + (i % 10), 1);
  const { items, meanMs, medianMs, p95Ms, maxMs, histogram } = runTimesOf(
    sketch.buckets,
    sketch.sumMs,
    sketch.maxMs,
  );
  expect({ items, meanMs, maxMs }).toEqual({ items: 60, meanMs: 509.5, maxMs: 514 });
  expect([medianMs, p95Ms]).toEqual(sketch.percentiles(0.5, 0.95));
  expect(Math.abs((medianMs ?? 0) - 509.5) / 509.5).toBeLessThan(0.025);
  expect(Math.abs((p95Ms ?? 0) - 514) / 514).toBeLessThan(0.025);
  expect(histogram.reduce((sum, bucket) => sum + bucket.items, 0)).toBe(60);
  expect(runTimesOf([], 0, 0)).toMatchObject({ items: 0, medianMs: null, maxMs: null, histogram: [] });
});

test("how long entries are on their way is told apart from how clocks differ", () => {
  const shift = new ClockShift();
  const ours = 1_000_000;
  const theirs = (ms: number): string => `${ms - 5_000}-0`;
  expect(shift.transitMs(theirs(ours), ours + 3)).toBe(0);
  expect(shift.transitMs(theirs(ours + 10), ours + 11)).toBe(0);
  expect(shift.transitMs(theirs(ours + 20), ours + 23)).toBe(2);
});

test("clocks that were set are known again after a minute", () => {
  const shift = new ClockShift();
  expect(shift.transitMs("1000-0", 1_000)).toBe(0);
  expect([31_000, 61_001, 61_002].map((ms) => shift.transitMs(`${ms}-0`, ms + 700))).toEqual([700, 0, 0]);
});

test("the slowest jobs are kept, by their time per item, and the others forgotten", () => {
  const log = new InsightLog();
  for (let at = 0; at < 1_000; at++) log.came({ ...JOB, at, ms: (at * 7) % 1_000 });
  log.came({ ...JOB, at: 1_000, n: 100, ms: 5_000 });
  log.came({ ...JOB, at: 1_100, n: 2, ms: 5_000 });
  const { slowest } = log.read(COUNTS);
  expect(slowest.map(({ items, ms }) => ms / items)).toEqual([
    2_500, 999, 998, 997, 996, 995, 994, 993, 992, 991,
  ]);
  expect(slowest[0]).toEqual({ index: 1_100, items: 2, ms: 5_000 });
  expect(slowest[1]).toEqual({ index: 857, items: 1, ms: 999 });
});

test("a job's age is its waiting, its running and its way back", () => {
  const log = new InsightLog();
  log.came({ ...JOB, n: 4, ms: 40, ageMs: 100, transitMs: 5 });
  const { waiting, running, transit } = log.read(COUNTS);
  expect(waiting?.maxMs).toBe(55);
  expect(running?.maxMs).toBe(10);
  expect(transit?.maxMs).toBe(5);
});

test("items are put to the process that ran them, with retries and losses", () => {
  const log = new InsightLog();
  log.came({ ...JOB, by: "host-1-a 7" });
  log.came({ ...JOB, n: 3, by: "host-1-a 8" });
  log.came({ ...JOB, ms: 2, by: "host-1-a 7 3 1" });
  for (const by of ["", "no process", "host-1-a 7 x y", `${"x".repeat(400)} 7`]) log.came({ ...JOB, by });
  const { processes, retries, losses } = log.read(COUNTS);
  expect(processes).toEqual([
    { worker: "host-1-a", pid: 8, items: 3, ms: 1 },
    { worker: "host-1-a", pid: 7, items: 2, ms: 3 },
  ]);
  expect([retries, losses]).toEqual([2, 1]);
});

test("so many processes that nobody would look at them take no more memory", () => {
  const log = new InsightLog();
  for (let pid = 1; pid <= 5_000; pid++) log.came({ ...JOB, by: `host-1-a ${pid}` });
  log.came({ ...JOB, by: "host-1-a 7" });
  const { processes } = log.read(COUNTS);
  expect(processes).toHaveLength(1_000);
  expect(processes[0]).toMatchObject({ pid: 7, items: 2 });
});
