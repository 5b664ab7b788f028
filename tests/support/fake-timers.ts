import { syncBuiltinESMExports } from "node:module";
import { performance as clock } from "node:perf_hooks";
import timers from "node:timers";

import { onTestFinished, vi } from "vitest";

const NAMES = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate"] as const;

/**
 * Replaces the clocks and the timers until the end of the test: the global ones, as Vitest does, and those of
 * `node:timers` and `node:perf_hooks`, which the packages use, so that a program's own fake timers don't stop them.
 */
export function useFakeTimers(options: Parameters<typeof vi.useFakeTimers>[0] = {}): void {
  const real = Object.fromEntries(NAMES.map((name) => [name, timers[name]]));
  vi.useFakeTimers(options);
  Object.assign(timers, Object.fromEntries(NAMES.map((name) => [name, globalThis[name]])));
  syncBuiltinESMExports();
  const { performance: faked } = globalThis;
  const spy = faked === clock ? undefined : vi.spyOn(clock, "now").mockImplementation(() => faked.now());
  onTestFinished(() => {
    vi.useRealTimers();
    spy?.mockRestore();
    Object.assign(timers, real);
    syncBuiltinESMExports();
  });
}
