import { expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { Stage } from "../../support/stage.ts";

const redis = redisForFile();

const CALLS = 40;

test("a call on an idle pool costs Redis four scripts and one wait", async () => {
  const { admin } = redis();
  const stage = new Stage(redis());
  await using pool = stage.localPool();
  await pool.apply("increment", [1]);
  const before = await counts();
  for (let i = 0; i < CALLS; i++) expect(await pool.apply("increment", [i])).toBe(i + 1);
  const after = await counts();
  // Open, add, fetch, publish with complete; a heartbeat now and then comes on top.
  expect((after.evalsha - before.evalsha) / CALLS).toBeLessThan(4.5);
  expect((after.bzpopmin - before.bzpopmin) / CALLS).toBeLessThan(1.5);

  async function counts(): Promise<{ evalsha: number; bzpopmin: number }> {
    const stats = await admin.info("commandstats");
    const of = (name: string): number =>
      Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m").exec(stats)?.[1] ?? 0);
    return { evalsha: of("evalsha"), bzpopmin: of("bzpopmin") };
  }
});
