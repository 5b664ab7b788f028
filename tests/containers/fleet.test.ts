import { expect, test, describe } from "vitest";

import { docker } from "../support/docker.ts";
import { until } from "../support/until.ts";
import { Fleet, NO_ENGINE } from "../support/worker-container.ts";

/** Long enough for every machine to get some, short enough to wait for. */
const ITEM_MS = 60;

function items(count: number): number[] {
  return Array.from({ length: count }, () => ITEM_MS);
}

/** What a complete map of `step` gives, whoever ran it. */
function indices(results: readonly (readonly [index: number, host: string])[]): number[] {
  return results.map(([index]) => index);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

describe.skipIf(NO_ENGINE)("worker containers", () => {
  test("1, 2, then 4 of them share one map, and all get work", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const map = pool.map("step", items(400));
    const workers = [await fleet.worker()];
    await fleet.marks.started(10);
    workers.push(await fleet.worker());
    for (const worker of workers) await fleet.startedOn(worker, 10);
    workers.push(...(await fleet.workers(2)));
    await pool.ready(4);
    const results = await map;
    expect(indices(results)).toEqual(upTo(400));
    const hosts = new Set(results.map(([, host]) => host));
    expect([...hosts].sort()).toEqual(workers.map(({ host }) => host).sort());
    // Workers that come do not disturb those that are there.
    expect(fleet.marks.lines).toHaveLength(400);
  });

  test("one that is killed in the middle of a map costs no result", async () => {
    const fleet = new Fleet();
    const map = fleet.pool().map("step", items(150));
    const [victim] = await Promise.all([fleet.worker(), fleet.worker()]);
    await fleet.startedOn(victim, 5);
    await victim.kill();
    expect(indices(await map)).toEqual(upTo(150));
    expect((await victim.state()).Status).toBe("exited");
    // What it was running, and nothing else, ran again.
    expect(fleet.marks.lines.length).toBeLessThanOrEqual(151);
  });

  test("one that is paused in the middle of a map loses its items to the others, and comes back", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const [frozen] = await fleet.workers(2);
    const map = pool.map("step", items(100));
    if (frozen === undefined) throw new Error("unreachable");
    await fleet.startedOn(frozen, 5);
    await docker("pause", frozen.id);
    expect(indices(await map)).toEqual(upTo(100));
    await docker("unpause", frozen.id);
    await pool.ready(2);
    const before = fleet.marks.lines.length;
    expect(indices(await pool.map("step", items(50)))).toEqual(upTo(50));
    expect(fleet.marks.lines.slice(before).some((line) => line.endsWith(frozen.host))).toBe(true);
  });

  test("one that is cut off from the network in the middle of a map is replaced, and works again once it is back", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const [lost] = await fleet.workers(2);
    if (lost === undefined) throw new Error("unreachable");
    const map = pool.map("step", items(100));
    await fleet.startedOn(lost, 5);
    await docker("network", "disconnect", fleet.run.network, lost.id);
    expect(indices(await map)).toEqual(upTo(100));
    await docker("network", "connect", fleet.run.network, lost.id);
    await until(async () => (await pool.stats()).workers === 2, {
      what: "the machine to be back",
      timeoutMs: 60_000,
    });
    const before = fleet.marks.lines.length;
    expect(indices(await pool.map("step", items(50)))).toEqual(upTo(50));
    expect(fleet.marks.lines.slice(before).some((line) => line.endsWith(lost.host))).toBe(true);
  });

  test("a rolling restart under load runs no item twice", async () => {
    const fleet = new Fleet();
    const old = await fleet.workers(2);
    const map = fleet.pool().map("step", items(250));
    const drains: number[] = [];
    const fresh = [];
    for (const worker of old) {
      const replacement = await fleet.worker();
      fresh.push(replacement);
      await fleet.startedOn(replacement);
      drains.push(await worker.stop());
      expect((await worker.state()).ExitCode).toBe(0);
    }
    expect(indices(await map)).toEqual(upTo(250));
    expect(fleet.marks.lines).toHaveLength(250);
    console.log(`rolling restart: drained in ${drains.map((ms) => `${Math.round(ms)} ms`).join(", ")}`);
  });

  test("a producer waits while the fleet is scaled to zero, and goes on when it is back", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const first = await fleet.worker();
    const map = pool.map("step", items(60));
    await fleet.startedOn(first, 10);
    await first.stop();
    const { done } = map.progress;
    expect(done).toBeLessThan(60);
    const { machines, workers, waiting } = await pool.stats();
    expect({ machines, workers }).toEqual({ machines: 0, workers: 0 });
    // Of what is left, the queue has as much as half a second of the fleet's work.
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThanOrEqual(60 - fleet.marks.lines.length);
    const second = await fleet.worker();
    expect(indices(await map)).toEqual(upTo(60));
    expect(fleet.marks.lines).toHaveLength(60);
    expect(fleet.marks.lines.at(-1)).toMatch(second.host);
  });
});
