/** A wall clock that is set. Row 27. */

import { expect, test } from "vitest";

import type * as tasks from "../fixtures/fault-tasks.ts";
import { doubled, expectWhole, FaultStage, figure, RunLog, Watched } from "../support/fault-stage.ts";
import { redisForFile } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

const redis = redisForFile();
/** Short enough to wait for three, long enough for a busy computer to renew them in time. */
const LOCKS = { lockDurationMs: 1_000, stalledIntervalMs: 200 } as const;
const CLOCK = new URL("../fixtures/stepped-clock.ts", import.meta.url);

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
