import { expect, onTestFinished, test } from "vitest";

import { Locks } from "../../../packages/worker/src/queue/locks.ts";
import type { ExtendLocks } from "../../../packages/worker/src/queue/locks.ts";
import { LogRecords } from "../../support/log-records.ts";
import { until } from "../../support/until.ts";

/** Locks that are renewed every 10 ms. */
function locks(extend: ExtendLocks): { readonly held: Locks; readonly records: LogRecords } {
  const records = new LogRecords();
  const held = new Locks(extend, 30, records.logger, { refused: () => {} });
  onTestFinished(() => held.close());
  return { held, records };
}

test("a lock that is lost is told and counted once, however often it is found lost", async () => {
  let asked = 0;
  const { held, records } = locks(async (jobIds) => {
    asked++;
    return await Promise.resolve(jobIds);
  });
  held.hold("m-0", "token");
  await until(() => asked >= 4, { what: "four renewals" });
  expect(held.lost).toBe(1);
  expect(records.of("locks lost")).toMatchObject([{ jobs: ["m-0"] }]);

  // It came back to this machine, with another token, and is lost again.
  held.hold("m-0", "token 2");
  await until(() => held.lost === 2, { what: "the second loss" });
});

test("a lock that was released while its renewal was under way is not lost", async () => {
  const answers: (() => void)[] = [];
  const { held, records } = locks(async (jobIds) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return jobIds;
  });
  held.hold("m-0", "token");
  await until(() => answers.length === 1, { what: "a renewal" });
  held.release("m-0", "token");
  held.hold("m-1", "token");
  answers[0]?.();
  await until(() => answers.length === 2, { what: "the next renewal" });
  expect(held.lost).toBe(0);
  expect(records.of("locks lost")).toEqual([]);
});

test("nothing is sent while the last renewal is unanswered", async () => {
  let asked = 0;
  let ticks = 0;
  const { held } = locks(async () => {
    asked++;
    return await new Promise(() => {});
  });
  held.hold("m-0", "token");
  const ticker = setInterval(() => ticks++, 10);
  onTestFinished(() => clearInterval(ticker));
  await until(() => ticks >= 10, { what: "the time of ten renewals" });
  expect(asked).toBe(1);
});
