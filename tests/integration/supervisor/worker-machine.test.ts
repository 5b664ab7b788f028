import { describe, expect, test } from "vitest";

import { isRunning, Program } from "../../support/processes.ts";
import { redisForFile } from "../../support/redis-server.ts";
import { Marks, rejection, Stage, TASKS } from "../../support/stage.ts";
import { until, within } from "../../support/until.ts";

const redis = redisForFile();

/** A worker machine in a process of its own. */
function startMachine(stage: Stage, options = {}): Program {
  return Program.source(`
    import { runWorker } from "@poolmq/worker";
    const machine = await runWorker(${JSON.stringify({
      module: TASKS.href,
      connection: redis().url,
      queue: stage.queue,
      processes: 1,
      ...options,
    })});
    console.log("ready", machine.pids.join(" "));
  `);
}

describe("close", () => {
  test("finishes what runs, and leaves the rest to others", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const first = await stage.machine();
    const call = { log: marks.log, gate: marks.gate };
    const result = stage.pool().map("gated", [call, call, call]);
    const [pid] = await marks.started(1);
    const closed = first.close();
    const second = await stage.machine();
    await marks.started(2);
    marks.open();
    await closed;
    expect((await result).map(String)).toContain(pid);
    expect(first.pids).toEqual([]);
    expect(second.pids).toHaveLength(1);
    // Each ran once.
    expect(marks.lines).toHaveLength(3);
  });

  test("begins nothing more, even while Redis is slow to hear that the machine leaves", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const machine = await stage.machine({ processes: 1 });
    const call = { log: marks.log, gate: marks.gate };
    // The second one waits at the machine, if jobs are fetched ahead.
    void stage.pool().map("gated", [call, call, call]).wait();
    await marks.started(1);
    await redis().admin.call("CLIENT", "PAUSE", "300", "ALL");
    const closed = machine.close();
    marks.open();
    await closed;
    expect(marks.lines).toHaveLength(1);
  });

  test("kills what still runs at its deadline, which is not charged to the item", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    // More shutdowns than the losses that an item is allowed.
    for (let round = 1; round <= 4; round++) {
      const machine = await stage.machine();
      await marks.started(round);
      await within(3_000, "the machine's end", machine.close(0));
    }
    await stage.machine();
    await marks.started(5);
    marks.open();
    expect(await result).toHaveLength(1);
  });

  test("waits for what runs if its deadline is longer than a timer can wait", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const machine = await stage.machine();
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(1);
    const closed = machine.close(30 * 24 * 60 * 60_000);
    const other = await stage.machine();
    await until(async () => (await stage.pool().stats()).workers === 1, { what: "the machine to sign off" });
    marks.open();
    expect(await result).toHaveLength(1);
    await closed;
    expect(marks.lines).toHaveLength(1);
    await other.close();
  });

  test("may be called twice, and with two deadlines", async () => {
    const machine = await new Stage(redis()).machine();
    await Promise.all([machine.close(), machine.close(0), machine.closed]);
    await machine.close();
    await machine[Symbol.asyncDispose]();
  });

  test("runs the module's finalizer in every child", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const module = new URL("../../fixtures/hooks.ts", import.meta.url);
    const machine = await stage.machine({ module, processes: 2, env: { HOOK_LOG: marks.log } });
    await until(() => marks.lines.length === 2, { what: "both initializers" });
    await machine.close();
    expect(marks.lines.toSorted()).toEqual(["finalizer", "finalizer", "initializer", "initializer"]);
  });
});

describe("kill", () => {
  test("ends the machine's work: others take over at once", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const machine = await stage.machine();
    const call = { log: marks.log, gate: marks.gate };
    const result = stage.pool().map("gated", [call, call]);
    await marks.started(1);
    machine.kill();
    await stage.machine();
    await marks.started(2);
    marks.open();
    expect(await within(6_000, "the results", result)).toHaveLength(2);
    await within(3_000, "the killed machine's end", machine.closed);
  });
});

describe("a worker process", () => {
  test("that is killed while busy is replaced, and its item runs again", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    const machine = await stage.machine();
    const result = stage.pool().map("gated", [{ log: marks.log, gate: marks.gate }]);
    const [pid] = await marks.started(1);
    process.kill(Number(pid), "SIGKILL");
    await marks.started(2);
    marks.open();
    const [ranBy] = await result;
    expect(ranBy).not.toBe(Number(pid));
    expect(machine.pids).toEqual([ranBy]);
  });

  test("that is killed while idle costs the next item nothing", async () => {
    const stage = new Stage(redis());
    const machine = await stage.machine();
    const pool = stage.pool();
    expect(await pool.map("increment", [1])).toEqual([2]);
    const [pid] = machine.pids;
    process.kill(Number(pid), "SIGKILL");
    expect(await pool.map("increment", [1])).toEqual([2]);
    expect(machine.pids).not.toContain(pid);
  });

  test("that says something on stdout or leaves a timer behind does not disturb the next item", async () => {
    const stage = new Stage(redis());
    const module = new URL("../../fixtures/untidy.ts", import.meta.url);
    await stage.machine({ module });
    const pool = stage.pool() as unknown as { map(task: string, items: unknown[]): PromiseLike<unknown> };
    expect(await pool.map("untidy", [1, 2, 3])).toEqual([1, 2, 3]);
  });
});

describe("a machine whose supervisor is killed", () => {
  test("ends its children within a second, also in an endless loop; another machine finishes the map", async () => {
    const stage = new Stage(redis());
    const marks = new Marks();
    await using machine = startMachine(stage, { processes: 2 });
    const [, pids = ""] = await machine.line(/ready (.*)/);
    const pool = stage.pool();
    const endless = pool.map("spinForEver", [marks.log]);
    await marks.started(1);
    const gated = pool.map("gated", [{ log: marks.log, gate: marks.gate }]);
    await marks.started(2);
    const killed = performance.now();
    machine.kill();
    await machine.exited;
    const children = pids.split(" ").map(Number);
    await until(() => !children.some(isRunning), { what: "the children to end", timeoutMs: 1_000 });
    const other = await stage.machine({ processes: 2 });
    marks.open();
    const [ranBy] = await within(10_000, "the results", gated);
    expect(other.pids).toContain(ranBy);
    // Lock and stalled check, with room for a slow machine.
    expect(performance.now() - killed).toBeLessThan(8_000);
    await pool.terminate();
    expect(await rejection(endless)).toMatchObject({ code: "CANCELLED" });
  });
});
