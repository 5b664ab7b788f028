import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { Cgroup } from "@poolmq/shared/internal";
import { ContainerMemory } from "@poolmq/worker/internal";
import { expect, onTestFinished, test } from "vitest";

import { temporaryFolder } from "../../support/stage.ts";

const MIB = 1024 * 1024;

/** A container whose figures the test sets, as the kernel would. */
class Container {
  readonly #root: string = temporaryFolder();

  constructor(limitMib: number | undefined) {
    this.#write("proc/self/cgroup", "0::/");
    this.#write("proc/self/mountinfo", "30 25 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw");
    this.#write("sys/fs/cgroup/memory.max", limitMib === undefined ? "max" : String(limitMib * MIB));
    this.#write("sys/fs/cgroup/memory.stat", "active_file 0\ninactive_file 0");
    this.use(0);
    this.killed(0);
  }

  use(mib: number): void {
    this.#write("sys/fs/cgroup/memory.current", String(mib * MIB));
  }

  /** The kernel has killed so many processes. */
  killed(count: number): void {
    this.#write("sys/fs/cgroup/memory.events", `oom 9\noom_kill ${count}`);
  }

  memory(): ContainerMemory {
    return new ContainerMemory(new Cgroup(this.#root));
  }

  #write(name: string, text: string): void {
    const file = join(this.#root, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
}

test("each child's heap is its share of what the supervisor leaves", () => {
  expect(new Container(1_024).memory().heapFlags(2, undefined)).toEqual(["--max-old-space-size=448"]);
  expect(new Container(512).memory().heapFlags(1, "--enable-source-maps")).toEqual([
    "--max-old-space-size=384",
  ]);
  // Too little for so many; Node needs some.
  expect(new Container(256).memory().heapFlags(8, undefined)).toEqual(["--max-old-space-size=64"]);
});

test("without a limit, or where the user says, the heap is as they wish", () => {
  expect(new Container(undefined).memory().heapFlags(2, undefined)).toEqual([]);
  expect(new Container(512).memory().heapFlags(2, "--max-old-space-size=300")).toEqual([]);
  expect(new Container(512).memory().heapFlags(2, "--max_old_space_size=300")).toEqual([]);
});

test("memory is short shortly before the limit", () => {
  const container = new Container(1_000);
  const memory = container.memory();
  container.use(940);
  expect(memory.isShort).toBe(false);
  container.use(960);
  expect(memory.isShort).toBe(true);
  // At least what a fast task takes between two looks.
  const small = new Container(200);
  small.use(180);
  expect(small.memory().isShort).toBe(true);
  expect(new Container(undefined).memory().isShort).toBe(false);
});

test("each of the kernel's kills explains one lost child, and those before the start none", () => {
  const container = new Container(1_000);
  container.killed(3);
  const memory = container.memory();
  expect(memory.claimKill()).toBe(false);
  container.killed(5);
  expect([memory.claimKill(), memory.claimKill(), memory.claimKill()]).toEqual([true, true, false]);
});

test.runIf(process.platform === "linux")("the kernel is told to take a child first", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  new Container(undefined).memory().preferVictim(pid);
  expect(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim()).toBe("1000");
});
