import { WorkWindow } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

/** How many jobs of `items` items there is room for, if none is under way. */
function room(window: WorkWindow, items = 1): number {
  let jobs = 0;
  while (jobs < 100_000 && window.hasRoom({ jobs, items: jobs * items })) jobs++;
  return jobs;
}

/** A window after `jobs` jobs of `ms`, run by `slots` slots. */
function after(jobs: number, ms: number, { slots = 4, items = 1, startsPerS = Infinity } = {}): WorkWindow {
  const window = new WorkWindow(() => slots, startsPerS);
  for (let job = 0; job < jobs; job++) window.ran(items, ms);
  return window;
}

test("before anything is known, a slot is given one job that runs and two that wait", () => {
  expect(room(new WorkWindow(() => 4))).toBe(12);
});

test("0.4 s of work wait, beside what runs", () => {
  expect(Math.abs(room(after(200, 10)) - (160 + 4))).toBeLessThanOrEqual(1);
  expect(Math.abs(room(after(200, 100)) - (16 + 4))).toBeLessThanOrEqual(1);
  expect(Math.abs(room(after(200, 100, { slots: 16 })) - (64 + 16))).toBeLessThanOrEqual(1);
});

test("work is counted, and not jobs: a chunk is worth what its items are", () => {
  expect(Math.abs(room(after(200, 10, { items: 50 }), 50) - (160 + 4))).toBeLessThanOrEqual(1);
  expect(Math.abs(room(after(200, 10, { items: 50 }), 100) - (80 + 2))).toBeLessThanOrEqual(1);
});

test("of long items, as many wait as run", () => {
  expect(room(after(200, 10_000))).toBe(8);
});

test("the window grows by four jobs with each that was measured", () => {
  expect(room(after(1, 0.01))).toBe(12 + 4);
  expect(room(after(100, 0.01))).toBe(12 + 400);
});

test("where few may start in a second, no more wait than start in one", () => {
  expect(room(after(200, 10, { startsPerS: 5 }))).toBe(8);
  expect(room(after(200, 2_000, { startsPerS: 5, slots: 40 }))).toBe(17);
});

test("a fleet that grew or shrank is given as much more or less at once", () => {
  let slots = 4;
  const window = new WorkWindow(() => slots);
  for (let job = 0; job < 200; job++) window.ran(1, 100);
  slots = 40;
  expect(room(window)).toBeGreaterThanOrEqual(160);
  slots = 1;
  expect(room(window)).toBeLessThanOrEqual(6);
});

test("items that get ten times longer shrink the window within twenty of them", () => {
  const window = after(200, 10);
  for (let job = 0; job < 20; job++) window.ran(1, 100);
  expect(room(window)).toBeLessThan(32);
});

test("jobs that wait for a server that is away take no room from others", () => {
  let stuck = 0;
  const window = new WorkWindow(
    () => 4,
    Infinity,
    () => stuck,
  );
  const before = room(window);
  stuck = 7;
  expect(room(window)).toBe(before + 7);
  // It is back: what it has counts again.
  stuck = 0;
  expect(window.hasRoom({ jobs: before + 7, items: before + 7 })).toBe(false);
});

test("how long the waiting jobs last is measured by the items, without those that run", () => {
  const window = after(200, 10);
  expect(window.waitingMs({ jobs: 84, items: 84 })).toBeCloseTo(200);
  expect(window.waitingMs({ jobs: 4, items: 4 })).toBe(0);
  expect(after(200, 100, { items: 10 }).waitingMs({ jobs: 8, items: 80 })).toBeCloseTo(100);
  expect(new WorkWindow(() => 4).waitingMs({ jobs: 12, items: 12 })).toBe(0);
  // 200 slots end ten jobs a ms.
  expect(after(200, 20, { slots: 200 }).waitingMs({ jobs: 4_000, items: 4_000 })).toBe(0);
});

test("a map of a task that was measured before begins with more jobs, if they were short", () => {
  const next = (before: WorkWindow): WorkWindow => new WorkWindow(() => 4, Infinity, undefined, before.pace);
  expect(room(next(after(1_000, 0.01)))).toBe(12 + 4 * 30);
  expect(room(next(after(2, 0.01)))).toBe(12 + 4 * 2);
  // Never with fewer.
  expect(room(next(after(1_000, 10_000)))).toBe(12);
  expect(room(next(new WorkWindow(() => 4)))).toBe(12);
});

test("what this map measures replaces what the one before has", () => {
  const window = new WorkWindow(() => 4, Infinity, undefined, after(1_000, 0.01).pace);
  window.ran(1, 10_000);
  expect(room(window)).toBe(8);
});
