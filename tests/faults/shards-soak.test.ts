/** Row 75, for some seconds: `npm run soak -- --servers 3` does it for as long as one likes. */

import { expect, test } from "vitest";

import { soakOverServers } from "../../bench/soak/over-servers.ts";
import { damageOf, describeReport } from "../../bench/soak/report.ts";
import { faultSeed } from "../support/fault-seed.ts";
import { NO_DAMAGE } from "../support/no-damage.ts";

const DURATION_MS = 7_500;

/** More than the soak itself gives its maps and machines to come to an end: it then says which did not. */
const TIMEOUT_MS = DURATION_MS + 270_000;

test(
  "row 75: three servers, one of which is killed again and again: nothing is lost, doubled, wrong or left",
  { timeout: TIMEOUT_MS },
  async () => {
    const report = await soakOverServers({ seed: faultSeed(), durationMs: DURATION_MS, everyMs: 2_500 });
    expect(damageOf(report), describeReport(report)).toEqual(NO_DAMAGE);
    expect(report.faults).toBe(3);
    expect(report.maps).toBeGreaterThan(0);
  },
);
