import { EventEmitter } from "node:events";

import { expect, onTestFinished, test } from "vitest";

import { OutageLog } from "../../../packages/worker/src/supervisor/outage-log.ts";
import { LogRecords } from "../../support/log-records.ts";
import { until } from "../../support/until.ts";

type Redis = ConstructorParameters<typeof OutageLog>[0];

test("an outage is a line when it begins, one a while as it lasts, and one when it ends", async () => {
  const redis = new EventEmitter();
  const records = new LogRecords();
  const outages = new OutageLog(redis as unknown as Redis, "redis://here", records.logger, 20);
  onTestFinished(() => outages.close());
  // Each attempt to connect again ends in another `close`.
  for (let attempt = 0; attempt < 5; attempt++) redis.emit("close");
  await until(() => records.of("Redis is still away").length === 2, { what: "two reminders" });
  redis.emit("ready");
  const messages = records.lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg);
  expect(messages).toEqual([
    "Redis connection lost, trying again until it is back",
    "Redis is still away",
    "Redis is still away",
    "Redis connection is back",
  ]);
  expect(records.of("Redis connection is back")[0]).toMatchObject({
    redis: "redis://here",
    awayMs: expect.any(Number),
  });
});

test("a Redis that is back with another password is told once, with what to do", () => {
  const redis = new EventEmitter();
  const records = new LogRecords();
  const outages = new OutageLog(redis as unknown as Redis, "redis://here", records.logger);
  onTestFinished(() => outages.close());
  redis.emit("close");
  for (let attempt = 0; attempt < 3; attempt++) {
    redis.emit("error", Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }));
    redis.emit("error", new Error("WRONGPASS invalid username-password pair or user is disabled."));
  }
  expect(records.of("Redis refuses the connection")).toMatchObject([
    { reason: expect.stringContaining("password"), advice: expect.any(String) },
  ]);
});

test.each([
  [Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:6379"), { code: "ECONNREFUSED" }), true],
  [new Error("Connection is closed."), true],
  [new Error("OOM command not allowed when used memory > 'maxmemory'."), false],
  [new Error("READONLY You can't write against a read only replica."), false],
])("%s tells only of the outage: %s", (error, isOutage) => {
  expect(OutageLog.isOf(error)).toBe(isOutage);
});
