import { Backoffs } from "bullmq";
import { expect, test, vi } from "vitest";

import { backoffDelayMs } from "@poolmq/producer/internal";

test.for(["fixed", "exponential"] as const)("a %s back-off waits as long as BullMQ's", (type) => {
  for (const jitter of [0, 0.3, 1]) {
    for (const attempt of [1, 2, 5]) {
      for (const random of [0, 0.4, 0.999]) {
        const spy = vi.spyOn(Math, "random").mockReturnValue(random);
        const theirs = Backoffs.calculate(
          { type, delay: 130, jitter },
          attempt,
          new Error("failed"),
          undefined as never,
        );
        spy.mockRestore();
        expect(backoffDelayMs({ type, delayMs: 130, jitter }, attempt, () => random)).toBe(theirs);
      }
    }
  }
});

test("grows to what a timer can wait, and no further", () => {
  const backoff = { type: "exponential", delayMs: 2 ** 30 } as const;
  const delays = [1, 2, 3, 60, 2_000].map((attempt) => backoffDelayMs(backoff, attempt));
  expect(delays[0]).toBe(2 ** 30);
  for (const delay of delays) expect(delay).toBeLessThan(2 ** 31);
  expect(delays.toSorted((a, b) => a - b)).toEqual(delays);
});
