import { WorkWindow } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

/** How many jobs of `items` items there is room for, if none is under way. */
function room(window: WorkWindow, items = 1): number {
  let jobs = 0;
  while (jobs < 100_000 && window.hasRoom({ jobs, items: jobs * items })) jobs++;
  return jobs;
}

/** A window after `jobs` jobs of `ms`, run by `slots` slots that have nothing else to do. */
function after(jobs: number, ms: number, { slots = 4, items = 1, share = 1 } = {}): WorkWindow {
  let now = 0;
  const window = new WorkWindow(
    () => slots,
    () => now,
  );
  for (let job = 0; job < jobs; job++) {
    now += ms / (slots * share);
    window.ran(items, ms);
  }
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

test("of a map that gets a part of the fleet, less is under way: what waits is worth the same", () => {
  expect(room(after(400, 100, { share: 0.25 }))).toBeLessThanOrEqual(18);
});

test("no slot stands idle, however little the map got of late", () => {
  expect(room(after(100, 10_000, { share: 0.1 }))).toBe(4);
});

test("the window grows by four jobs with each that was measured", () => {
  expect(room(after(1, 0.01))).toBe(12 + 4);
  expect(room(after(100, 0.01))).toBe(12 + 400);
});

test("a fleet that grew or shrank is given as much more or less at once", () => {
  let slots = 4;
  let now = 0;
  const window = new WorkWindow(
    () => slots,
    () => now,
  );
  for (let job = 0; job < 200; job++) {
    now += 25;
    window.ran(1, 100);
  }
  slots = 40;
  expect(room(window)).toBeGreaterThanOrEqual(160);
  slots = 1;
  expect(room(window)).toBeLessThanOrEqual(6);
});

test("items that get ten times longer shrink the window within twenty of them", () => {
  let now = 0;
  const window = new WorkWindow(
    () => 4,
    () => now,
  );
  for (let job = 0; job < 200; job++) window.ran(1, 10);
  for (let job = 0; job < 20; job++) {
    now += 25;
    window.ran(1, 100);
  }
  expect(room(window)).toBeLessThan(32);
});
