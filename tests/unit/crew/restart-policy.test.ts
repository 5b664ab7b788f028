import { expect, test } from "vitest";

import { RestartPolicy } from "../../../packages/worker/src/crew/restart-policy.ts";

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

test("an exit at the start blames the module; a SIGKILL only if three starts in a row end by it", () => {
  const policy = new RestartPolicy();
  expect(policy.blamesModule({ exitCode: 1, signal: null, outOfMemory: false }, false)).toBe(true);
  expect(policy.blamesModule({ ...KILLED, outOfMemory: true }, false)).toBe(true);
  expect(policy.blamesModule(KILLED, true)).toBe(true);
  expect(policy.blamesModule(KILLED, false)).toBe(false);
  expect(policy.blamesModule(KILLED, false)).toBe(false);
  policy.wasReady();
  expect(policy.blamesModule(KILLED, false)).toBe(false);
  expect(policy.blamesModule(KILLED, false)).toBe(false);
  expect(policy.blamesModule(KILLED, false)).toBe(true);
});
