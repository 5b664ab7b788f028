import { expect, test } from "vitest";

import { RestartPolicy } from "../../../packages/worker/src/crew/restart-policy.ts";
import type { HostExit } from "../../../packages/worker/src/host/host.ts";

const KILLED = { exitCode: null, signal: "SIGKILL", outOfMemory: false } as const;

test("a host that never worked is started again later and later, up to 5 s", () => {
  const policy = new RestartPolicy();
  const delays = Array.from({ length: 8 }, () => policy.nextDelayMs());
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test("once a host works, the next start is soon again", () => {
  const policy = new RestartPolicy();
  policy.nextDelayMs();
  policy.nextDelayMs();
  policy.hasWorked();
  expect(policy.nextDelayMs()).toBe(100);
});

/** Of so many starts in a row that end in the same way, which is the first that blames the module. */
function blamesAt(policy: RestartPolicy, exit: HostExit, starts = 30): number | undefined {
  for (let i = 1; i <= starts; i++)
    if (policy.blamesModule(exit, { startedAt: Infinity, hasError: false })) return i;
  return undefined;
}

test("an exit at the start, an exhausted heap and a known error blame the module", () => {
  const policy = new RestartPolicy();
  expect(blamesAt(policy, { exitCode: 1, signal: null, outOfMemory: false })).toBe(1);
  expect(blamesAt(policy, { exitCode: null, signal: "SIGABRT", outOfMemory: true })).toBe(1);
  expect(policy.blamesModule(KILLED, { startedAt: 0, hasError: true })).toBe(true);
});

test.for(["SIGKILL", "SIGSEGV", "SIGTERM"] as const)(
  "%s blames the module once five starts in a row end by it",
  (signal) => {
    const policy = new RestartPolicy();
    const exit = { ...KILLED, signal };
    expect(blamesAt(policy, exit, 4)).toBeUndefined();
    policy.wasReady();
    expect(blamesAt(policy, exit)).toBe(5);
  },
);

test("a system that is short of memory at the start does not blame the module at once", () => {
  expect(blamesAt(new RestartPolicy(), { ...KILLED, outOfMemory: true })).toBe(5);
});

test("of hosts that were started at the same time and killed together, one is counted", () => {
  const policy = new RestartPolicy();
  const startedAt = performance.now() - 1;
  for (let i = 0; i < 16; i++)
    expect(policy.blamesModule(KILLED, { startedAt, hasError: false })).toBe(false);
  expect(blamesAt(policy, KILLED)).toBe(4);
});
