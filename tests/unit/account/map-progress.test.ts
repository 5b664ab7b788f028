import { barLine, Pace, progressOf } from "@poolmq/producer/internal";
import { expect, test } from "vitest";

/** A pace on a clock that the test moves. */
function pace() {
  let now = 1_000;
  const measured = new Pace(() => now);
  return {
    measured,
    wait: (ms: number) => {
      now += ms;
    },
    /** So many items, evenly over this time. */
    run(items: number, ms: number) {
      for (let i = 0; i < items; i++) {
        now += ms / items;
        measured.came(1);
      }
    },
  };
}

const COUNTS = { total: 100, done: 40, failed: 0, running: 5, ended: false };

test("an even pace is its rate from the first second on", () => {
  const { measured, run } = pace();
  measured.begin();
  run(20, 1_000);
  expect(measured.rate).toBeCloseTo(20, 0);
  run(600, 30_000);
  expect(measured.rate).toBeCloseTo(20, 0);
});

test("the rate follows the last seconds, and not the first ones", () => {
  const { measured, run } = pace();
  measured.begin();
  run(2_000, 20_000);
  run(200, 20_000);
  expect(measured.rate).toBeGreaterThan(9);
  expect(measured.rate).toBeLessThan(15);
});

test("items that take minutes are measured over minutes", () => {
  const { measured, run, wait } = pace();
  measured.begin();
  run(10, 600_000);
  wait(50_000);
  expect(measured.rate * 60).toBeGreaterThan(0.8);
  expect(measured.rate * 60).toBeLessThan(1.2);
});

test("a burst counts as what it is: items of the time since the last one", () => {
  const { measured, wait } = pace();
  measured.begin();
  for (let second = 0; second < 10; second++) {
    wait(1_000);
    for (let i = 0; i < 50; i++) measured.came(1);
  }
  expect(measured.rate).toBeGreaterThan(40);
  expect(measured.rate).toBeLessThan(60);
});

test("when nothing comes any more the rate sinks, and after the end it is the mean", () => {
  const { measured, run, wait } = pace();
  measured.begin();
  run(100, 5_000);
  wait(5_000);
  expect(measured.rate).toBeLessThan(12);
  measured.end();
  wait(60_000);
  expect(measured.rate).toBe(10);
});

test("the time left is known once a total and a rate are", () => {
  const { measured, run } = pace();
  measured.begin();
  expect(progressOf({ ...COUNTS, done: 0 }, measured)).toMatchObject({ rate: 0, timeLeftMs: undefined });
  run(40, 2_000);
  expect(progressOf(COUNTS, measured).timeLeftMs).toBeCloseTo(3_000, -2);
  expect(progressOf({ ...COUNTS, total: undefined }, measured).timeLeftMs).toBeUndefined();
  expect(progressOf({ ...COUNTS, ended: true }, measured).timeLeftMs).toBe(0);
});

test.each([
  [
    "a known total",
    { ...COUNTS, rate: 53.3, timeLeftMs: 11_200 },
    "thumbs  █████████░░░░░░░░░░░░░░░  40 %  40 of 100  53/s  12 s left",
  ],
  [
    "no total",
    { ...COUNTS, total: undefined, rate: 5.34, timeLeftMs: undefined },
    "thumbs  40 done  5.3/s  9 s",
  ],
  [
    "failures, at the end",
    { ...COUNTS, done: 100, failed: 3, rate: 0.251, timeLeftMs: 0, ended: true },
    "thumbs  ████████████████████████ 100 %  100 of 100  3 failed  0.25/s  9 s",
  ],
  [
    "hours",
    { ...COUNTS, done: 0, rate: 0.01, timeLeftMs: 36_000_000 },
    "thumbs  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %  0 of 100  0.01/s  10 h 00 min left",
  ],
])("a bar's text: %s", (_, progress, line) => {
  expect(barLine("thumbs", progress, 8_200, 79)).toBe(line);
});

test("a title that is too long is cut before the counts are, and the line is never too long", () => {
  const progress = { ...COUNTS, rate: 53, timeLeftMs: 11_000 };
  const title = "thumbnails of all the pictures that there are";
  expect(barLine(title, progress, 0, 79)).toMatch(
    /^thumbnails of all … {2}█.* 40 of 100 {2}53\/s {2}11 s left$/,
  );
  expect(barLine(title, progress, 0, 79)).toHaveLength(79);
  expect(barLine(title, progress, 0, 30)).toMatch(/^thumbnails … {2}█+░+$/);
});
