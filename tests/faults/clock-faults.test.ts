/** A wall clock that is set, or wrong from the start. Rows 27 and 54. */

import { expect, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { doubled, expectWhole, FaultStage, figure, RunLog, Watched } from "../support/fault-stage.ts";
import { redisForFile } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();
/** Short enough to wait for three, long enough for a busy computer to renew them in time. */
const LOCKS = { lockDurationMs: 1_000, stalledIntervalMs: 200 } as const;
const CLOCK = new URL("../fixtures/stepped-clock.ts", import.meta.url);
const SKEW = new URL("../fixtures/skewed-clock.ts", import.meta.url);

test.for([60_000, -60_000])(
  "row 27: a clock that is set by %i ms: locks are held, nothing runs again",
  async (stepMs) => {
    const stage = new FaultStage(redis());
    const log = new RunLog();
    const machine = await stage.machineProcess(
      { concurrency: 4, ...LOCKS },
      { execArgv: ["--import", CLOCK.href], env: { CLOCK_STEP_MS: String(stepMs) } },
    );
    const pool = stage.pool<typeof tasks>();
    const held = new Watched<number>((options) => pool.map("gated", log.items(4), options));
    await log.started(4);
    // It would take over whatever lost its lock.
    await stage.machineProcess({ concurrency: 4, ...LOCKS });
    machine.program.kill("SIGUSR2");
    await machine.program.line(/clock stepped/);
    const steppedAt = performance.now();
    const load = new RunLog();
    const map = new Watched<number>((options) => pool.map("work", load.items(500), options));
    await expectWhole(map, doubled(500));
    const threeLocksMs = 3 * LOCKS.lockDurationMs;
    await until(() => performance.now() - steppedAt > threeLocksMs, { what: "three locks' time" });
    log.open();
    await expectWhole(held, doubled(4));
    expect(log.reruns + load.reruns).toBe(0);
    figure(27, `items run again after a step of ${stepMs / 1_000} s`, log.reruns + load.reruns, "");
  },
);

test.for([
  [60_000, 0],
  [-60_000, 0],
  [60_000, -60_000],
])(
  "row 54: a back-off is as long as was asked for on machines whose clocks are off by %j ms",
  async (skews) => {
    const stage = new FaultStage(redis());
    for (const skewMs of skews) {
      await stage.machineProcess(
        { concurrency: 4 },
        { execArgv: ["--import", SKEW.href], env: { CLOCK_SKEW_MS: String(skewMs) } },
      );
    }
    const log = new RunLog();
    const pool = stage.pool<typeof tasks>();
    const backoff = { type: "fixed", delayMs: 1_000 } as const;
    await pool.map("failsOnce", log.items(12), { attempts: 2, backoff, chunksize: 1 });
    const pauses = log.pausesMs;
    expect(pauses).toHaveLength(12);
    figure(
      54,
      `longest pause for a back-off of 1,000 ms, clocks off by ${skews.join(" and ")} ms`,
      Math.max(...pauses),
      "ms",
    );
    expect(Math.min(...pauses)).toBeGreaterThan(950);
    expect(Math.max(...pauses)).toBeLessThan(3_000);
  },
);
