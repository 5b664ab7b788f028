import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Looker } from "../../../packages/worker/src/crew/looker.ts";
import type { LookPace } from "../../../packages/worker/src/crew/looker.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

let looks: boolean[];
let pace: LookPace;
let looker: Looker;
let reads: number;
let hasQuiet: boolean;

beforeEach(() => {
  useFakeTimers();
  looks = [];
  pace = "often";
  reads = 0;
  hasQuiet = false;
  looker = new Looker(
    () => {
      reads++;
      return hasQuiet;
    },
    (asksForSign) => {
      looks.push(asksForSign);
      return pace;
    },
  );
});

afterEach(() => {
  looker.stop();
});

/** How often it looks in the next second. */
function looksInASecond(): number {
  looks = [];
  vi.advanceTimersByTime(1_000);
  return looks.length;
}

test("It looks often while there are runs, and asks for a sign of life once a second", () => {
  expect(looksInASecond()).toBe(50);
  expect(looks.filter((asksForSign) => asksForSign)).toHaveLength(1);
});

test("It looks seldom while there are none, and often again as soon as one comes", () => {
  pace = "rest";
  vi.advanceTimersByTime(20);
  expect(looksInASecond()).toBe(4);
  pace = "often";
  looker.wake(false);
  expect(looksInASecond()).toBe(50);
});

test("A run that comes while it looks often changes nothing", () => {
  vi.advanceTimersByTime(15);
  looker.wake(false);
  vi.advanceTimersByTime(5);
  expect(looks).toHaveLength(1);
});

test("A host that was asked before its runs ended is told at the next look that it owes no answer", () => {
  pace = "rest";
  vi.advanceTimersByTime(20);
  looks = [];
  vi.advanceTimersByTime(250);
  expect(looks).toEqual([true]);
});

test("It does not look any more once it is stopped", () => {
  looker.stop();
  expect(looksInASecond()).toBe(0);
});

test("While runs wait for nothing, it looks less often, and again often when one has to wait", () => {
  pace = "calm";
  vi.advanceTimersByTime(20);
  expect(looksInASecond()).toBe(20);
  expect(looks.filter((asksForSign) => asksForSign)).toHaveLength(1);
  looker.wake(false);
  expect(looksInASecond()).toBe(20);
  pace = "often";
  looker.wake(true);
  expect(looksInASecond()).toBe(50);
});

test("Before each look, hosts are read that were not read at once, and outcomes come together in that turn", () => {
  hasQuiet = true;
  vi.advanceTimersByTime(20);
  expect(reads).toBe(1);
  expect(looker.isReading).toBe(true);
  vi.advanceTimersByTime(1);
  expect(looker.isReading).toBe(false);
  hasQuiet = false;
  vi.advanceTimersByTime(20);
  expect(looker.isReading).toBe(false);
});
