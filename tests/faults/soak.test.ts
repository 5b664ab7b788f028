/** All faults at random, for most of a minute. Row 33. `npm run soak` does the same for as long as one likes. */

import { expect, test } from "vitest";

import { describeReport } from "../../bench/soak/report.ts";
import { soak } from "../../bench/soak/soak.ts";
import { figure } from "../support/fault-stage.ts";
import { faultSeed } from "../support/fault-seed.ts";

const DURATION_MS = 40_000;

/** What is under way at the end may have lost its link just then, which takes 15 s to notice. */
const TIMEOUT_MS = DURATION_MS + 120_000;

test(
  "row 33: all faults at random: nothing is lost, duplicated, wrong or left",
  { timeout: TIMEOUT_MS },
  async () => {
    const seed = faultSeed();
    const report = await soak({ seed, durationMs: DURATION_MS, machines: 1 });
    const { lost, duplicated, wrong, outOfOrder, problems, leaked } = report;
    expect({ lost, duplicated, wrong, outOfOrder, problems, leaked }, describeReport(report)).toEqual({
      lost: 0,
      duplicated: 0,
      wrong: 0,
      outOfOrder: 0,
      problems: [],
      leaked: [],
    });
    expect(report.faults).toBeGreaterThan(20);
    expect(report.maps).toBeGreaterThan(3);
    figure(33, `faults in ${DURATION_MS / 1_000} s`, report.faults, "");
  },
);
