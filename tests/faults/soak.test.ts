/** All faults at random, for most of a minute. Row 33. `npm run soak` does the same for as long as one likes. */

import { expect, test } from "vitest";

import { damageOf, describeReport } from "../../bench/soak/report.ts";
import { soak } from "../../bench/soak/soak.ts";
import { figure } from "../support/fault-stage.ts";
import { faultSeed } from "../support/fault-seed.ts";
import { NO_DAMAGE } from "../support/no-damage.ts";

const DURATION_MS = 25_000;

/** More than the soak itself gives its maps, queues and machines to come to an end: it then says which did not. */
const TIMEOUT_MS = DURATION_MS + 270_000;

test(
  "row 33: all faults at random: nothing is lost, duplicated, wrong or left, and no innocent item is charged",
  { timeout: TIMEOUT_MS },
  async () => {
    const seed = faultSeed();
    const report = await soak({ seed, durationMs: DURATION_MS, machines: [1, 0] });
    expect(damageOf(report), describeReport(report)).toEqual(NO_DAMAGE);
    expect(report.faults).toBeGreaterThan(25);
    expect(report.maps).toBeGreaterThan(3);
    figure(33, `faults in ${DURATION_MS / 1_000} s`, report.faults, "");
  },
);
