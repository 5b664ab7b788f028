/** Pools in programs whose timers are not Node's: fake ones of a test runner, or a browser's, which are numbers. */

import { Pool, ThreadPool } from "@poolmq/producer";
import { expect, onTestFinished, test, vi } from "vitest";

import type * as tasks from "../fixtures/behaviours.ts";
import { BEHAVIOURS } from "../support/both-pools.ts";

type AnyPool = Pool<typeof tasks> | ThreadPool<typeof tasks>;

const POOLS: Readonly<Record<string, () => AnyPool>> = {
  "a pool in memory": () => new Pool<typeof tasks>({ tasks: BEHAVIOURS, processes: 1 }),
  "a thread pool": () => new ThreadPool<typeof tasks>({ tasks: BEHAVIOURS, threads: 1 }),
  "a pool without threads": () => new ThreadPool<typeof tasks>({ tasks: BEHAVIOURS, threads: 0 }),
};

const TIMERS: Readonly<Record<string, () => void>> = {
  "timers that stand still": () => void vi.useFakeTimers(),
  "timers that are numbers": () => {
    const { setTimeout: timeout, setInterval: interval } = globalThis;
    vi.stubGlobal("setTimeout", (...args: Parameters<typeof setTimeout>) => Number(timeout(...args)));
    vi.stubGlobal("setInterval", (...args: Parameters<typeof setInterval>) => Number(interval(...args)));
  },
};

test.for(Object.keys(POOLS).flatMap((pool) => Object.keys(TIMERS).map((timers) => [pool, timers] as const)))(
  "%s works with %s",
  async ([kind, timers]) => {
    TIMERS[timers]?.();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    });
    const pool = POOLS[kind]?.();
    onTestFinished(() => pool?.terminate());
    expect(await pool?.map("increment", [1, 2, 3], { attempts: 2 })).toEqual([2, 3, 4]);
    expect(await pool?.apply("add", [1, 2])).toBe(3);
    await pool?.terminate();
  },
);
