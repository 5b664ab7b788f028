import { expect, test, vi } from "vitest";

import { ThrottledLog } from "../../../packages/worker/src/log/throttled-log.ts";
import { LogRecords } from "../../support/log-records.ts";
import { until } from "../../support/until.ts";

test("a kind's first line is written at once, the last of the others with how many were held back", async () => {
  const records = new LogRecords();
  const log = new ThrottledLog(records.logger, 30);
  for (let index = 0; index < 5; index++) log.warn("bad RangeError", () => ({ index }), "item threw");
  expect(records.of("item threw")).toMatchObject([{ index: 0 }]);
  await until(() => records.lines.length === 2, { what: "the second line" });
  expect(records.of("item threw")[1]).toMatchObject({ index: 4, heldBack: 3 });
});

test("kinds do not hold each other back", () => {
  const records = new LogRecords();
  const log = new ThrottledLog(records.logger, 60_000);
  for (const kind of ["a", "b", "a"]) log.warn(kind, () => ({ kind }), "item threw");
  expect(records.of("item threw")).toMatchObject([{ kind: "a" }, { kind: "b" }]);
});

test("after a period without any, a kind's next line is written at once", async () => {
  const records = new LogRecords();
  const log = new ThrottledLog(records.logger, 10);
  log.warn("a", () => ({ n: 1 }), "x");
  let ended = false;
  // Timers of the same length end in their order.
  setTimeout(() => (ended = true), 10);
  await until(() => ended, { what: "the period" });
  log.warn("a", () => ({ n: 2 }), "x");
  expect(records.of("x")).toMatchObject([{ n: 1 }, { n: 2 }]);
});

test("a right that the login lacks is a lasting refusal once it was missed for some seconds, and until it is not", () => {
  const log = new ThrottledLog(new LogRecords().logger, 60_000);
  const clock = vi.spyOn(performance, "now").mockReturnValue(0);
  const at = (now: number, message?: string): string | undefined => {
    clock.mockReturnValue(now);
    if (message !== undefined) log.refused("publish refused", new Error(message));
    return log.lasting;
  };
  try {
    expect(at(0, "NOPERM User app has no permissions to run the 'hget' command")).toBeUndefined();
    at(1_000, "OOM command not allowed when used memory > 'maxmemory'.");
    expect(at(1_900, "NOPERM User app has no permissions to run the 'hget' command")).toBeUndefined();
    expect(at(2_500)).toContain("User app has no permissions to run the 'hget' command");
    expect(at(4_899)).toBeDefined();
    expect(at(4_900)).toBeUndefined();
  } finally {
    clock.mockRestore();
  }
});
