import { expect, test } from "vitest";

import { CommandMonitor } from "../../support/command-monitor.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { rejection, Stage, temporaryFolder } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const redis = redisForFile();

const CALLS = 40;

test("a call on an idle pool costs Redis two scripts and two commands", async () => {
  const stage = new Stage(redis());
  await using pool = stage.localPool();
  await pool.apply("increment", [1]);
  const sent = new Map<string, number>();
  using _monitor = await CommandMonitor.on(redis(), ([command = "", , , firstKey = ""], isInScript) => {
    // What scripts do is no round trip, and heartbeats are no part of a call.
    if (isInScript || (command.startsWith("eval") && !/:(wait|done)$/.test(firstKey))) return;
    sent.set(command, (sent.get(command) ?? 0) + 1);
  });
  for (let i = 0; i < CALLS; i++) expect(await pool.apply("increment", [i])).toBe(i + 1);
  await until(() => of("unlink") > 0, { what: "keys of the maps removed" });

  // Open, add and hand over; publish and complete.
  expect(of("evalsha") / CALLS).toBeCloseTo(2, 0);
  // The wait for a job, and the wait for the outcome.
  for (const command of ["bzpopmin", "xread"]) expect(of(command) / CALLS).toBeCloseTo(1, 0);
  // A call that has not ended after a moment needs the machine's word that it has begun.
  expect(of("hdel")).toBeLessThanOrEqual(CALLS);
  // The keys of all maps of a moment are removed together; on a slow machine a call is a moment.
  expect(of("unlink")).toBeLessThanOrEqual(CALLS + 1);

  function of(name: string): number {
    return sent.get(name) ?? 0;
  }
});

test("the outcomes of a map of items that take milliseconds are published and read together", async () => {
  const ITEMS = 150;
  const stage = new Stage(redis());
  await using pool = stage.localPool({ processes: 2 });
  const log = `${temporaryFolder()}/log`;
  const items = Array.from({ length: ITEMS }, () => ({ log, ms: 3 }));
  const before = await calls();
  expect(await pool.map("spin", items)).toHaveLength(ITEMS);
  const after = await calls();
  expect(after.reads - before.reads).toBeLessThan(ITEMS / 2);
  expect(after.entries - before.entries).toBeLessThan((2 * ITEMS) / 3);

  async function calls(): Promise<{ reads: number; entries: number }> {
    const stats = await redis().admin.info("commandstats");
    const of = (name: string): number =>
      Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return { reads: of("xread"), entries: of("xadd") };
  }
});

test("calls to a fleet in a row do not each read what its machines say of themselves", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const pool = stage.pool();
  await pool.apply("increment", [1]);
  let looks = 0;
  using _monitor = await CommandMonitor.on(redis(), ([command = "", , keys, firstKey], isInScript) => {
    // A heartbeat has more keys.
    if (!isInScript && command.startsWith("eval") && keys === "2" && firstKey === stage.keys.workers) looks++;
  });
  for (let i = 0; i < CALLS; i++) expect(await pool.apply("increment", [i])).toBe(i + 1);
  expect(looks).toBeLessThan(CALLS / 2);
});

test("a task that no machine has is refused at once, also right after another machine was seen that has others", async () => {
  const stage = new Stage(redis());
  await stage.machine();
  const pool = stage.pool<{ increment(x: number): number; missing(): void }>();
  expect(await pool.apply("increment", [1])).toBe(2);
  expect(await rejection(pool.apply("missing", []))).toMatchObject({ code: "TASK_NOT_REGISTERED" });
});
