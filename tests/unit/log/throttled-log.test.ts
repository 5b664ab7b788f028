import { expect, test } from "vitest";

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
