import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Looker } from "../../../packages/worker/src/crew/looker.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

let looks: boolean[];
let hasRuns: boolean;
let looker: Looker;

beforeEach(() => {
  useFakeTimers();
  looks = [];
  hasRuns = true;
  looker = new Looker((asksForSign) => {
    looks.push(asksForSign);
    return hasRuns;
  });
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
  hasRuns = false;
  vi.advanceTimersByTime(20);
  expect(looksInASecond()).toBe(4);
  hasRuns = true;
  looker.wake();
  expect(looksInASecond()).toBe(50);
});

test("A run that comes while it looks often changes nothing", () => {
  vi.advanceTimersByTime(15);
  looker.wake();
  vi.advanceTimersByTime(5);
  expect(looks).toHaveLength(1);
});

test("A host that was asked before its runs ended is told at the next look that it owes no answer", () => {
  hasRuns = false;
  vi.advanceTimersByTime(20);
  looks = [];
  vi.advanceTimersByTime(250);
  expect(looks).toEqual([true]);
});

test("It does not look any more once it is stopped", () => {
  looker.stop();
  expect(looksInASecond()).toBe(0);
});
