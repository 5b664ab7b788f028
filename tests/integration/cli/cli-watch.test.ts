/** The commands that look at a queue. */

import type { MachineView, MapView, QueueView } from "@poolmq/worker/internal";
import { describe, expect, test } from "vitest";

import { redisForFile } from "../../support/redis-server.ts";
import { rejection } from "../../support/stage.ts";
import { HAS_TERMINAL, onTerminal } from "../../support/terminal.ts";
import { Watched } from "../../support/watched.ts";
import { CLI, runPoolmq, startPoolmq } from "../../support/worker-program.ts";

const redis = redisForFile();

/** A map of which two items have failed, one has succeeded and two run. */
async function halfway() {
  const stage = new Watched(redis());
  // Items may begin in any order: two processes could both wait before the others have run.
  const machine = await stage.workers(3);
  const map = stage
    .client()
    .map("step", stage.steps("end", "fail", "fail", "wait", "wait"), { mapId: `nightly-${stage.queue}` });
  await stage.map(map.id, ({ done }) => done === 3);
  const at = ["-q", stage.queue, "-r", redis().url];
  return {
    stage,
    machine,
    map,
    run: (...args: string[]) => runPoolmq([...args, ...at]),
    at,
    finish: async () => {
      stage.marks.open();
      await rejection(map);
    },
  };
}

test("status, maps and workers show a queue, in text without colours and in JSON", async () => {
  const { stage, machine, map, run, finish } = await halfway();
  const { code, output } = await run("status");
  expect(code).toBe(0);
  expect(output).not.toContain("\u001B");
  expect(output).toMatch(
    new RegExp(`^${stage.queue}  (?:redis|valkey) [\\d.]+ · .* UTC\njobs: 0 waiting, 2 active, 0 delayed\n`),
  );
  expect(output).toContain("1 map in flight\n");
  expect(output).toMatch(new RegExp(`\n${map.id} +step +map, durable +running +█{7}░{5} +3/5 +60% +2 `));
  expect(output).toContain("1 machine, 3 processes\n");
  expect(output).toMatch(/\n +PROCESS +RUNS +FOR +ITEMS +MEMORY\n/);
  const busy = machine.pids.filter((pid) =>
    new RegExp(`\n +${pid} +step [34] of ${map.id} +\\d`).test(output),
  );
  expect(busy).toHaveLength(2);
  const view = JSON.parse((await run("status", "--json")).output) as QueueView;
  expect(view.maps).toMatchObject([{ id: map.id, state: "running", done: 3, failed: 2 }]);
  const maps = JSON.parse((await run("maps", "--json")).output) as MapView[];
  expect(maps).toMatchObject([{ id: map.id }]);
  const machines = JSON.parse((await run("workers", "--json")).output) as MachineView[];
  expect(machines).toMatchObject([{ id: machine.id, processes: 3, tasks: { step: { arity: 1 } } }]);
  expect(Object.keys(machines[0] ?? {})).toEqual(Object.keys(view.machines[0] ?? {}));
  await finish();
});

test("an empty queue says so", async () => {
  const stage = new Watched(redis());
  const at = ["-q", stage.queue, "-r", redis().url];
  expect((await runPoolmq(["maps", ...at])).output).toBe("no maps\n");
  expect((await runPoolmq(["workers", ...at])).output).toContain("poolmq worker <module>");
  expect((await runPoolmq(["status", ...at])).output).toContain("no maps in flight");
});

describe("errors", () => {
  test("shows each kind with its items and a stack; an id may be cut short", async () => {
    const { map, run, finish } = await halfway();
    const { code, output } = await run("errors", map.id.slice(0, -3));
    expect(code).toBe(0);
    expect(output).toMatch(
      new RegExp(
        `^step of ${map.id}: 2 failed\n\n2 × RangeError: e.g. row [12] is not there\n  items 1, 2, the last [\\d.ms]+ ago\n +at step .*watched-tasks`,
      ),
    );
    const { output: json } = await run("errors", map.id, "--json");
    expect(JSON.parse(json)).toMatchObject({
      mapId: map.id,
      failed: 2,
      others: 0,
      groups: [
        {
          name: "RangeError",
          messagesDiffer: true,
          count: 2,
          indices: [1, 2],
          lastAtMs: expect.any(Number) as number,
        },
      ],
    });
    await finish();
  });

  test("of a map that is not there: exit code 3, and the one that was meant", async () => {
    const { map, run, finish } = await halfway();
    expect(await run("errors", `n${map.id}`)).toEqual({
      code: 3,
      output: `poolmq: There is no map "n${map.id}" on this queue. Did you mean "${map.id}"?\n`,
    });
    expect(await run("errors", "x")).toMatchObject({
      code: 3,
      output: expect.stringContaining("`poolmq maps` lists") as string,
    });
    await finish();
  });
});

describe("cancel and retry", () => {
  test("end a map, and run its failed items again", async () => {
    const { stage, map, run } = await halfway();
    const refused = await run("retry", map.id);
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining("still runs") as string });
    stage.marks.open();
    await rejection(map);
    await stage.map(map.id, ({ state }) => state === "failed");
    expect(await run("retry", map.id)).toEqual({
      code: 0,
      output: `2 items of ${map.id} run again: attach("${map.id}") gets them\n`,
    });
    expect(await stage.client().attach(map.id)).toEqual([0, 1, 2, 3, 4]);
    await stage.map(map.id, ({ state }) => state === "done");
    expect(await run("cancel", map.id)).toMatchObject({
      code: 3,
      output: expect.stringContaining("is not in flight") as string,
    });
  });

  test("cancel says what it did, and retry of a cancelled map that nothing is left of it", async () => {
    const { map, run } = await halfway();
    expect(await run("cancel", map.id)).toEqual({
      code: 0,
      output: `${map.id} is cancelled: its producer has ended it\n`,
    });
    await rejection(map);
    expect(await run("retry", map.id)).toEqual({
      code: 3,
      output: `poolmq: ${map.id} is not there: it was cancelled, or delivered without failures, or has expired\n`,
    });
  });

  test("cancel tells the producer why", async () => {
    const { map, run } = await halfway();
    const cancelled = run("cancel", map.id, "--reason", "wrong input", "--json");
    expect(await rejection(map)).toMatchObject({ code: "CANCELLED", cause: "wrong input" });
    const { code, output } = await cancelled;
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual({ mapId: map.id, cancelled: true, byProducer: true });
    expect((await run("maps")).output).toMatch(/ cancelled /);
  });
});

test.for([
  [["errors"], 2, "missing required argument 'map'"],
  [["maps", "--qeue", "x"], 2, "(Did you mean --queue?)"],
  [["status", "-q", "a b"], 2, "queue"],
  [["status", "-r", "nonsense://"], 2, "nonsense:"],
  [["status", "-r", "redis://127.0.0.1:1"], 1, "127.0.0.1:1"],
  [["kill-item", "m", "-1"], 2, "Expected an integer from 0 on"],
  [["replay", "m", "-1"], 2, "Expected an integer from 0 on"],
  [["logs", "--map", "m", "--index", "-1"], 2, "Expected an integer from 0 on"],
  [["scale-signal", "--port", "99999"], 2, "Expected an integer from 0 to 65535"],
  [["dashboard", "--health-port", "99999"], 2, "Expected an integer from 0 to 65535"],
] as const)("poolmq %j ends with exit code %i", async ([args, exitCode, message]) => {
  const { code, output } = await runPoolmq([...args]);
  expect(output).toContain(message);
  // A sentence, and no stack of a library.
  expect(output).not.toMatch(/^ +at /m);
  expect(code).toBe(exitCode);
});

describe("top", () => {
  test("prints one object per line where stdout is no terminal, until it is told to end", async () => {
    const { map, at, finish } = await halfway();
    const program = startPoolmq(["top", "--json", "--interval-ms", "100", ...at]);
    await program.line(/"done":3.*\n.*"done":3/);
    program.kill("SIGTERM");
    expect(await program.exited).toEqual({ code: 0, signal: null });
    const [first = ""] = program.output.split("\n");
    expect(JSON.parse(first)).toMatchObject({ maps: [{ id: map.id }] });
    await finish();
  });

  test.runIf(HAS_TERMINAL).for(["q", "\u0003"])(
    "draws on a terminal until %j, and gives it back as it was",
    async (key) => {
      const { map, at, finish } = await halfway();
      const program = onTerminal([CLI, "top", "--interval-ms", "100", ...at]);
      await program.line(new RegExp(`\u001B\\[\\?1049h\u001B\\[\\?25l.*${map.id.slice(0, 8)}`, "s"));
      program.send(key);
      expect(await program.exited).toEqual({ code: 0, signal: null });
      expect(program.output.trimEnd().endsWith("\u001B[?25h\u001B[?1049l")).toBe(true);
      await finish();
    },
  );
});
