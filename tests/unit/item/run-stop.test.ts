import { expect, test } from "vitest";

import { RunStop } from "../../../packages/worker/src/item/run-stop.ts";

const REASON = { name: "AbortError", message: "The task was stopped: timeout" };

test("a signal that was asked for before the stop fires with its reason", () => {
  const stop = new RunStop();
  const { signal } = stop;
  expect([stop.isStopped, signal.aborted]).toEqual([false, false]);
  stop.stop("timeout");
  expect([stop.isStopped, signal.aborted]).toEqual([true, true]);
  expect(signal.reason).toMatchObject(REASON);
  expect(stop.signal).toBe(signal);
});

test("a signal that is asked for after the stop has fired", () => {
  const stop = new RunStop();
  stop.stop("timeout");
  expect(stop.signal.aborted).toBe(true);
  expect(stop.signal.reason).toMatchObject(REASON);
});
