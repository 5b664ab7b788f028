import { describe, expect, test } from "vitest";

import { rejection } from "../support/stage.ts";
import { Fleet, NO_ENGINE } from "../support/worker-container.ts";

/** Takes the image's default: the run's workers have one process otherwise. */
const DEFAULT_PROCESSES = { POOLMQ_PROCESSES: "" };

/** The one argument of a task that takes none. */
const NOTHING = undefined as never;

describe.skipIf(NO_ENGINE)("a container's limits", () => {
  test("the number of processes follows the CPU limit", async () => {
    const fleet = new Fleet();
    await fleet.worker({ cpus: 1, env: DEFAULT_PROCESSES });
    expect(await fleet.pool().stats()).toMatchObject({ machines: 1, workers: 1 });
  });

  test("a task that takes all the memory is the only one charged, and the container lives on", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const worker = await fleet.worker({ memoryMib: 320, env: { POOLMQ_PROCESSES: "2" } });
    const before = await worker.state();
    // Runs beside the other for as long as that takes.
    const bystander = pool.map("gated", [NOTHING]);
    await fleet.marks.started(1);
    const error = await rejection(pool.map("grow", [NOTHING]));
    expect(error).toMatchObject({ code: "WORKER_LOST", outOfMemory: true, losses: 3 });
    fleet.marks.open();
    expect(await bystander).toEqual([worker.host]);
    expect(fleet.marks.lines.filter((line) => !line.startsWith("grow"))).toHaveLength(1);
    const after = await worker.state();
    expect([after.Status, after.StartedAt]).toEqual(["running", before.StartedAt]);
    expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
  });

  test("a program of a task that takes all the memory is killed itself, and no worker process is", async () => {
    const fleet = new Fleet();
    const pool = fleet.pool();
    const worker = await fleet.worker({ memoryMib: 320, env: { POOLMQ_PROCESSES: "2" } });
    expect(await pool.map("growElsewhere", [NOTHING])).toEqual(["SIGKILL"]);
    expect(worker.output).not.toMatch(/child lost/);
    expect(await pool.map("increment", [1, 2, 3])).toEqual([2, 3, 4]);
  });
});
