import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";

import { onTestFinished, vi } from "vitest";

const NAMES = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate"] as const;

/**
 * Replaces the clocks and the timers until the end of the test: the global ones, as Vitest does, and those of
 * `node:timers`, which the packages use, so that a program's own fake timers don't stop them.
 */
export function useFakeTimers(options: Parameters<typeof vi.useFakeTimers>[0] = {}): void {
  const real = Object.fromEntries(NAMES.map((name) => [name, timers[name]]));
  vi.useFakeTimers(options);
  Object.assign(timers, Object.fromEntries(NAMES.map((name) => [name, globalThis[name]])));
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.useRealTimers();
    Object.assign(timers, real);
    syncBuiltinESMExports();
  });
}
