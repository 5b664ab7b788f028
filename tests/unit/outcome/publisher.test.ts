import type { GatherScripts } from "@poolmq/shared/redis";
import { beforeEach, expect, test, vi } from "vitest";
import type { Mock } from "vitest";

import { Publisher } from "../../../packages/worker/src/outcome/publisher.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";

beforeEach(() => {
  useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});

const OUTCOME = { at: 0, ms: 1, text: "=[1]" };

/** Some turns of the event loop: enough for whatever does not wait for a timer. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Refuses so many times, and counts how often it was asked. */
function refusing(
  times: number,
  refusal: string,
): { readonly publish: Mock<GatherScripts["publish"]>; readonly publisher: Publisher } {
  let asked = 0;
  const publish = vi.fn<GatherScripts["publish"]>(async () => {
    asked++;
    if (asked <= times) throw new Error(refusal);
    return await Promise.resolve(true);
  });
  const publisher = new Publisher({ publish } as unknown as GatherScripts, { refused: () => {} });
  return { publish, publisher };
}

test("an outcome that Redis refuses for now is kept, and published when Redis takes it", async () => {
  const { publish, publisher } = refusing(3, "OOM command not allowed when used memory > 'maxmemory'.");
  const published = publisher.publish("m", OUTCOME, 1_000);
  let isSettled = false;
  void published.finally(() => (isSettled = true));
  for (let tries = 1; tries <= 3; tries++) {
    await turns();
    expect(publish.mock.calls.length).toBe(tries);
    expect(isSettled).toBe(false);
    vi.advanceTimersByTime(1_000);
  }
  expect(await published).toBe(true);
  expect(publish.mock.calls.length).toBe(4);
  expect(publisher.retries).toBe(3);
});

test("an outcome that comes after others of its map were sent is sent too, and is safe only then", async () => {
  const { publish, publisher } = refusing(0, "");
  expect(await publisher.publish("m", OUTCOME, 1_000)).toBe(true);
  const later = { ...OUTCOME, at: 1 };
  expect(await publisher.publish("m", later, 1_000)).toBe(true);
  expect(publish.mock.calls.map(([, outcomes]) => outcomes)).toEqual([[OUTCOME], [later]]);
});

test("the longest run counts whose outcome Redis may not have", async () => {
  const { publisher } = refusing(1, "LOADING Redis is loading the dataset in memory");
  const published = publisher.publish("m", { ...OUTCOME, ms: 700 }, 1_000);
  await turns();
  expect(publisher.longestUnsafeMs).toBe(700);
  vi.advanceTimersByTime(1_000);
  await published;
  expect(publisher.longestUnsafeMs).toBe(0);
});

test("an outcome that Redis never took when the machine ends is not taken for published", async () => {
  const { publish, publisher } = refusing(Infinity, "MISCONF Redis is configured to save RDB snapshots");
  const published = publisher.publish("m", OUTCOME, 1_000);
  await turns();
  expect(publish.mock.calls.length).toBe(1);
  publisher.close();
  await expect(published).rejects.toThrow("MISCONF");
});
