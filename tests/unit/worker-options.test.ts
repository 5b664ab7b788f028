import { expect, test } from "vitest";

import { resolveWorkerOptions } from "../../packages/worker/src/worker-options.ts";

const DAY_MS = 24 * 60 * 60_000;

test.each([
  "lockDurationMs",
  "stalledIntervalMs",
  "shutdownTimeoutMs",
  "killGraceMs",
  "startTimeoutMs",
  "connectTimeoutMs",
] as const)("%s works up to 24 days, and is refused above what a timer can wait", (name) => {
  const resolve = (ms: number) => resolveWorkerOptions({ module: "./tasks.ts", [name]: ms });
  expect(resolve(24 * DAY_MS)[name]).toBe(24 * DAY_MS);
  expect(() => resolve(30 * DAY_MS)).toThrow(new RegExp(`\`${name}\`.*2147483647.*got 2592000000`));
});
