import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

import { availableCores, Cgroup } from "@poolmq/shared/internal";
import { expect, test } from "vitest";

import { temporaryFolder } from "../../support/stage.ts";

const MIB = 1024 * 1024;

/** A file system that holds these files. */
function fileSystem(files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), `${text}\n`);
  }
  return root;
}

const V2_MOUNT = "30 25 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate";

/** A container of Docker 20.10 on a host with the old hierarchy: the group's path is the host's, the mount is the group. */
const OLD_CONTAINER = {
  "proc/self/cgroup": "4:memory:/docker/77bd\n2:cpuacct,cpu:/docker/77bd\n0::/docker/77bd",
  "proc/self/mountinfo": [
    "121 120 0:29 /docker/77bd /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:9 - cgroup cgroup rw,cpu,cpuacct",
    "124 120 0:32 /docker/77bd /sys/fs/cgroup/memory ro,nosuid master:10 - cgroup cgroup rw,memory",
  ].join("\n"),
  "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
  "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
  "sys/fs/cgroup/memory/memory.limit_in_bytes": String(300 * MIB),
  "sys/fs/cgroup/memory/memory.usage_in_bytes": String(200 * MIB),
  "sys/fs/cgroup/memory/memory.stat": [
    "cache 1",
    "active_file 7",
    `total_inactive_file ${30 * MIB}`,
    `total_active_file ${20 * MIB}`,
  ].join("\n"),
  "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2",
};

test("reads a container's limits in the old hierarchy", () => {
  const group = new Cgroup(fileSystem(OLD_CONTAINER));
  expect(group.cpus).toBe(1.5);
  expect(group.memoryLimitBytes).toBe(300 * MIB);
  expect(group.memoryBytes()).toBe(150 * MIB);
  expect(group.oomKills).toBe(2);
});

test("reads a container's limits in the new hierarchy", () => {
  const group = new Cgroup(
    fileSystem({
      "proc/self/cgroup": "0::/",
      "proc/self/mountinfo": V2_MOUNT,
      "sys/fs/cgroup/cpu.max": "50000 100000",
      "sys/fs/cgroup/memory.max": String(512 * MIB),
      "sys/fs/cgroup/memory.current": String(100 * MIB),
      "sys/fs/cgroup/memory.stat": `anon 1\ninactive_file ${10 * MIB}\nactive_file ${5 * MIB}`,
      "sys/fs/cgroup/memory.events": "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0",
    }),
  );
  expect(group.cpus).toBe(0.5);
  expect(group.memoryLimitBytes).toBe(512 * MIB);
  expect(group.memoryBytes()).toBe(85 * MIB);
  expect(group.oomKills).toBe(3);
});

test("the tightest limit of the groups above counts", () => {
  const group = new Cgroup(
    fileSystem({
      "proc/self/cgroup": "0::/system.slice/poolmq.service",
      "proc/self/mountinfo": V2_MOUNT,
      "sys/fs/cgroup/system.slice/poolmq.service/cpu.max": "max 100000",
      "sys/fs/cgroup/system.slice/poolmq.service/memory.max": "max",
      "sys/fs/cgroup/system.slice/poolmq.service/memory.events": "oom_kill 1",
      "sys/fs/cgroup/system.slice/cpu.max": "200000 100000",
      "sys/fs/cgroup/system.slice/memory.max": String(64 * MIB),
      "sys/fs/cgroup/system.slice/memory.current": String(8 * MIB),
    }),
  );
  expect(group.cpus).toBe(2);
  expect(group.memoryLimitBytes).toBe(64 * MIB);
  expect(group.memoryBytes()).toBe(8 * MIB);
  expect(group.oomKills).toBe(1);
});

test.each([
  ["no control groups at all", {}],
  [
    "the new hierarchy, nothing limited",
    {
      "proc/self/cgroup": "0::/",
      "proc/self/mountinfo": V2_MOUNT,
      "sys/fs/cgroup/cpu.max": "max 100000",
      "sys/fs/cgroup/memory.max": "max",
    },
  ],
  [
    "the old hierarchy, nothing limited",
    {
      ...OLD_CONTAINER,
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
    },
  ],
])("there is no limit: %s", (_, files) => {
  const group = new Cgroup(fileSystem(files));
  expect([group.cpus, group.memoryLimitBytes, group.memoryBytes()]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("a host of both hierarchies keeps its limits in the old one", () => {
  const { "proc/self/mountinfo": mounts, ...rest } = OLD_CONTAINER;
  const root = fileSystem({
    ...rest,
    "proc/self/mountinfo": `41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n${mounts}`,
  });
  expect(new Cgroup(root).cpus).toBe(1.5);
});

test("a part of a processor is worth a process, and there is at least one", () => {
  expect(availableCores(0.2)).toBe(1);
  expect(availableCores(1)).toBe(1);
  expect(availableCores(1.5)).toBe(Math.min(2, availableParallelism()));
  expect(availableCores(undefined)).toBeLessThanOrEqual(availableParallelism());
  expect(availableCores(10_000)).toBe(availableParallelism());
});
