import { expect, test } from "vitest";

import { onBothPools } from "../support/both-pools.ts";
import { collect } from "../support/collect.ts";
import { Marks } from "../support/stage.ts";

onBothPools(({ shared, own }) => {
  test("insights() says how long items waited and ran, and what each process did", async () => {
    const pool = own({ workers: 1 });
    const tuples = Array.from({ length: 12 }, (_, i): [number, unknown] => [i === 5 ? 120 : 5, i]);
    const call = pool.starmap("echoLater", tuples);
    await call;
    const insights = call.insights();
    expect(insights).toMatchObject({ items: 12, failed: 0, retries: 0, losses: 0 });
    // A timer of Node's may fire a millisecond early.
    expect(insights.running?.p50Ms).toBeGreaterThan(3.5);
    expect(insights.running?.maxMs).toBeGreaterThan(118);
    // They waited for one another.
    expect(insights.waiting?.maxMs).toBeGreaterThan(118);
    expect(insights.transit?.p50Ms).toBeGreaterThanOrEqual(0);
    expect(insights.durationMs).toBeGreaterThan(150);
    expect(insights.slowest).toHaveLength(10);
    expect(insights.slowest[0]).toMatchObject({ index: 5, items: 1 });
    expect(insights.processes).toEqual([
      {
        worker: expect.stringMatching(/^[\w.-]+$/),
        pid: expect.any(Number),
        items: 12,
        ms: expect.any(Number),
      },
    ]);
    expect(insights.chunks).toEqual({ jobs: 12, smallest: 1, largest: 1, why: "a `chunksize` of 1" });
    expect(String(insights)).toBe(insights.summary);
    expect(insights.summary).toMatch(
      /^12 items in .*, on 1 process\. .*The slowest item was number 5, with \d+ ms\./,
    );
  });

  test("insights() counts retries, and processes that were lost", async () => {
    const [failing, dying] = [new Marks(), new Marks()];
    const pool = own({ workers: 1 });
    const retried = pool.map("failsUntil", [{ log: failing.log, runs: 3 }], { attempts: 5 });
    const lost = pool.map("dies", [{ log: dying.log, how: "exit", losses: 2 }]);
    await Promise.all([retried, lost]);
    expect(retried.insights()).toMatchObject({ retries: 2, losses: 0 });
    expect(retried.insights().summary).toContain("2 times a job was tried again");
    expect(lost.insights()).toMatchObject({ retries: 0, losses: 2 });
    expect(lost.insights().summary).toContain("2 times a job was run again because its process was lost");
  });

  test("insights() says what chunksize was chosen, and why", async () => {
    const items = Array.from({ length: 3_000 }, (_, i) => i);
    const auto = shared().map("increment", items, { chunksize: "auto" });
    await auto;
    const { chunks } = auto.insights();
    expect(chunks.largest).toBeGreaterThan(1);
    expect(chunks.jobs).toBeLessThan(3_000);
    expect(chunks.why).toMatch(/^`chunksize` "auto" measured [\d.e-]+ ms an item, and/);
    const fixed = shared().map("increment", items, { chunksize: 700 });
    await fixed;
    expect(fixed.insights().chunks).toMatchObject({ jobs: 5, smallest: 200, largest: 700 });
    expect(fixed.insights().slowest).toHaveLength(5);
  });

  test("a stream has insights, also while it runs", async () => {
    const stream = shared().imap("increment", [1, 2, 3]);
    expect(stream.insights().summary).toBe("No item has come to its outcome.");
    await collect(stream);
    expect(stream.insights()).toMatchObject({ items: 3, chunks: { jobs: 3 } });
  });

  test("a call that was refused has none", async () => {
    const call = shared().map("no such task" as "increment", [1]);
    await call.wait();
    expect(call.insights()).toMatchObject({ items: 0, running: undefined, processes: [] });
  });
});
