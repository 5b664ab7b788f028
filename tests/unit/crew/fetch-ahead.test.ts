import { beforeEach, expect, test, vi } from "vitest";

import { FetchAhead } from "../../../packages/worker/src/crew/fetch-ahead.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => useFakeTimers());

test("as many jobs are fetched as can run, and of short ones some more", () => {
  const ahead = new FetchAhead(4, 2);
  expect(ahead.capacity).toBe(8);
  expect(ahead.measured(1_000)).toBe(false);
  expect(ahead.capacity).toBe(8);
  for (let run = 0; run < 200; run++) ahead.measured(1);
  expect(ahead.capacity).toBe(4 * (2 + 39));
});

test("what waits behind something long goes back, and nothing is fetched ahead until a host is free", () => {
  const ahead = new FetchAhead(2, 1);
  ahead.measured(1);
  expect(ahead.capacity).toBe(42);
  const since = performance.now();
  vi.advanceTimersByTime(49);
  expect(ahead.givesUp(since, 10, 2)).toBe(false);
  vi.advanceTimersByTime(1);
  expect(ahead.givesUp(since, 10, 2)).toBe(true);
  expect(ahead.capacity).toBe(2);
  expect(ahead.freed()).toBe(true);
  expect(ahead.freed()).toBe(false);
  expect(ahead.capacity).toBe(42);
});

test("hosts that get little done hold half as many each time jobs go back, and more again as jobs end", () => {
  const ahead = new FetchAhead(1, 1);
  ahead.measured(0.05);
  const held: number[] = [];
  for (let pause = 0; pause < 6; pause++) {
    held.push(ahead.capacity - 1);
    const since = performance.now();
    vi.advanceTimersByTime(60);
    expect(ahead.givesUp(since, 10, 1)).toBe(true);
    ahead.freed();
  }
  expect(held).toEqual([256, 128, 64, 32, 16, 16]);
  for (let run = 0; run < 80; run++) ahead.measured(0.05);
  expect(ahead.capacity - 1).toBe(16 + 10);
  for (let run = 0; run < 5_000; run++) ahead.measured(0.05);
  expect(ahead.capacity - 1).toBe(256);
});

test("on a machine with many hosts, no more jobs go back for each that ends than with one", () => {
  const backPerEnded = (hosts: number): number => {
    const ahead = new FetchAhead(hosts, 1);
    ahead.measured(0.05);
    let back = 0;
    const ended = hosts * 10_000;
    // Each time as many jobs have ended as one host runs in a while.
    for (let run = 1; run <= ended; run++) {
      ahead.measured(0.05);
      if (run % (hosts * 200) !== 0) continue;
      const since = performance.now();
      vi.advanceTimersByTime(60);
      back += ahead.capacity - hosts;
      ahead.givesUp(since, hosts, hosts);
      ahead.freed();
    }
    return back / ended;
  };
  expect(backPerEnded(64)).toBeCloseTo(backPerEnded(1), 2);
});

test("tiny runs that the hosts are getting through stay", () => {
  const ahead = new FetchAhead(2, 1);
  const since = performance.now();
  vi.advanceTimersByTime(60);
  ahead.measured(0.1);
  expect(ahead.givesUp(since, 100, 2)).toBe(false);
});

test("of jobs that a function takes together, a host has as many as fill its batches", () => {
  const ahead = new FetchAhead(2, 3);
  expect(ahead.came({ n: 1 })).toBe(false);
  expect(ahead.came({ n: 1, maxItems: 32 })).toBe(true);
  expect(ahead.came({ n: 1, maxItems: 32 })).toBe(false);
  expect(ahead.capacity).toBe(2 * 3 * 32);
  expect(ahead.perHostFor({ n: 1, maxItems: 32 })).toBe(3 * 32);
  expect(ahead.perHostFor({ n: 1 })).toBe(3);
  // What would wait behind a batch for longer than a job may wait is not fetched before that has ended.
  ahead.measured(25);
  expect(ahead.capacity).toBeGreaterThan(2 * 3 * 32);
  ahead.measured(1_000);
  expect(ahead.capacity).toBe(2 * 3 * 32);
  // A chunk that fills batches by itself is a job like any other.
  expect(ahead.came({ n: 40, maxItems: 32 })).toBe(true);
  expect(ahead.capacity).toBe(2 * 3);
  expect(ahead.perHostFor({ n: 10, maxItems: 32 })).toBe(3 * 3);
});

test("outcomes wait while enough jobs are held, and no longer than half of what those take", () => {
  const ahead = new FetchAhead(2, 1);
  expect(ahead.outcomeWaitMs(8)).toBe(0);
  ahead.measured(10);
  expect(ahead.outcomeWaitMs(0)).toBe(0);
  expect(ahead.outcomeWaitMs(1)).toBe(0);
  expect(ahead.outcomeWaitMs(4)).toBe(10);
  expect(ahead.outcomeWaitMs(100)).toBe(20);
});

test("outcomes of tiny runs never wait", () => {
  const ahead = new FetchAhead(2, 1);
  ahead.measured(0.01);
  expect(ahead.outcomeWaitMs(512)).toBe(0);
  const many = new FetchAhead(2, 100);
  many.measured(20);
  expect(many.outcomeWaitMs(400)).toBe(0);
});

test("of jobs that take milliseconds, a few more are held", () => {
  const ahead = new FetchAhead(2, 1);
  ahead.measured(10);
  expect(ahead.capacity).toBe(2 * (1 + 4));
  for (let run = 0; run < 200; run++) ahead.measured(2);
  expect(ahead.capacity).toBeLessThanOrEqual(2 * (1 + 16));
});

test("of paced jobs four times as much is held once as many have ended, and not again after a pause", () => {
  const ahead = new FetchAhead(2, 1);
  vi.advanceTimersByTime(1_000);
  ahead.came({ n: 1 });
  for (let run = 0; run < 10; run++) ahead.measured(10);
  expect(ahead.capacity).toBe(2 * (1 + 5));
  for (let run = 0; run < 100; run++) ahead.measured(10);
  expect(ahead.capacity).toBe(2 * (1 + 8));
  expect(ahead.perHostFor({ n: 1 })).toBe(1 + 8);
  vi.advanceTimersByTime(1_000);
  ahead.came({ n: 1 });
  expect(ahead.capacity).toBe(2 * (1 + 4));
});

test("paced jobs with large arguments do not wait in the pipe", () => {
  const ahead = new FetchAhead(2, 1);
  ahead.measured(10);
  expect(ahead.paced).toEqual({ concurrency: 1, longMs: 20 });
  expect(ahead.perHostFor({ n: 1, bytes: Buffer.alloc(1) })).toBe(1);
});

test("a run is long if it takes twice as long as most, and more than 20 ms", () => {
  const ahead = new FetchAhead(2, 1);
  expect(ahead.longMs).toBe(20);
  ahead.measured(30);
  expect(ahead.longMs).toBe(60);
});
