/**
 * What the kernel grants this process's container: processors, memory, and whether it had to kill for memory. Node
 * knows some of it (`availableParallelism()` heeds a cpuset, but no quota: under `--cpus=1` it counts the whole host).
 *
 * Linux keeps it in control groups, of which there are two versions, and hosts that mix both. A limit may be set on the
 * process's own group, or on any above it that the container can see; the tightest counts.
 */

import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";

/** Where the groups of one controller are. */
interface Controller {
  readonly version: 1 | 2;
  /** The process's own group, then those above it, as far as they can be seen. */
  readonly folders: readonly string[];
}

export class Cgroup {
  /** Processors' worth of time that may be used, such as 1.5; `undefined` for no limit. */
  readonly cpus: number | undefined;
  /** Memory that may be used, in bytes; `undefined` for no limit. */
  readonly memoryLimitBytes: number | undefined;
  readonly #memory: Controller | undefined;
  /** The folder with the tightest memory limit. */
  readonly #memoryFolder: string | undefined;

  /** @param root - the root of the file system, for tests */
  constructor(root = "/") {
    const cpu = findController(root, "cpu");
    this.cpus = smallest((cpu?.folders ?? []).map((folder) => cpuLimit(folder, cpu?.version)));
    this.#memory = findController(root, "memory");
    const { version, folders = [] } = this.#memory ?? {};
    const limits = folders.map((folder) => ({ folder, bytes: memoryLimit(folder, version) }));
    this.memoryLimitBytes = smallest(limits.map(({ bytes }) => bytes));
    this.#memoryFolder = limits.find(({ bytes }) => bytes === this.memoryLimitBytes)?.folder;
  }

  /**
   * Memory in use that the kernel can't take back, in bytes; `undefined` without a limit.
   *
   * @param atLeast - if all memory in use is less than this, gives 0: working out how much of it can't be taken back
   * takes the most time
   */
  memoryBytes(atLeast = 0): number | undefined {
    const folder = this.#memoryFolder;
    if (folder === undefined || this.memoryLimitBytes === undefined) return undefined;
    const isOld = this.#memory?.version === 1;
    const used = integerIn(join(folder, isOld ? "memory.usage_in_bytes" : "memory.current"));
    if (used === undefined) return undefined;
    if (used < atLeast) return 0;
    const stat = read(join(folder, "memory.stat")) ?? "";
    // Pages of files that were read are given back when memory runs short.
    const prefix = isOld ? "total_" : "";
    const files =
      (valueOf(stat, `${prefix}active_file`) ?? 0) + (valueOf(stat, `${prefix}inactive_file`) ?? 0);
    return used - files;
  }

  /** How many processes of this group the kernel has killed because memory ran out; `undefined` if it does not tell. */
  get oomKills(): number | undefined {
    const folder = this.#memory?.folders[0];
    if (folder === undefined) return undefined;
    const file = this.#memory?.version === 1 ? "memory.oom_control" : "memory.events";
    return valueOf(read(join(folder, file)) ?? "", "oom_kill");
  }
}

/**
 * How many processes keep this machine busy, or this container, if it is granted less. A part of a processor counts as
 * one: two children share 1.5 processors, where one child would leave half a processor unused.
 */
export function availableCores(cpus: number | undefined = new Cgroup().cpus): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cpus ?? Infinity)));
}

/** Finds a controller in the old hierarchy, which has one tree for each, or else in the new one. */
function findController(root: string, name: "cpu" | "memory"): Controller | undefined {
  const groups = (read(join(root, "proc/self/cgroup")) ?? "").split("\n").map((line) => {
    // `4:memory:/docker/…`; in the new hierarchy `0::/…`. A path may hold colons.
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return { controllers: controllers.split(","), path };
  });
  const mounts = (read(join(root, "proc/self/mountinfo")) ?? "").split("\n").map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , mountRoot = "/", point = ""] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    return { mountRoot, point: unescape(point), type, options: options.split(",") };
  });
  const oldMount = mounts.find(({ type, options }) => type === "cgroup" && options.includes(name));
  const mount = oldMount ?? mounts.find(({ type }) => type === "cgroup2");
  const group = groups.find(({ controllers }) => controllers.includes(oldMount === undefined ? "" : name));
  if (mount === undefined || group === undefined) return undefined;
  const top = join(root, mount.point);
  // In a cgroup namespace of its own, a container sees its own group as the root. Without one, its group is what is
  // mounted.
  const within = pathBelow(group.path, unescape(mount.mountRoot));
  const steps = within.split("/").filter((step) => step !== "");
  const folders = steps.map((_, i) => join(top, ...steps.slice(0, steps.length - i)));
  return { version: oldMount === undefined ? 2 : 1, folders: [...folders, top] };
}

function pathBelow(path: string, top: string): string {
  if (top === "/") return path.startsWith("/..") ? "" : path;
  return path.startsWith(`${top}/`) ? path.slice(top.length) : "";
}

function cpuLimit(folder: string, version: number | undefined): number | undefined {
  const [quota, period] =
    version === 1
      ? [integerIn(join(folder, "cpu.cfs_quota_us")), integerIn(join(folder, "cpu.cfs_period_us"))]
      : (read(join(folder, "cpu.max")) ?? "").trim().split(" ").map(toInteger);
  if (quota === undefined || period === undefined || quota <= 0 || period <= 0) return undefined;
  return quota / period;
}

function memoryLimit(folder: string, version: number | undefined): number | undefined {
  const bytes = integerIn(join(folder, version === 1 ? "memory.limit_in_bytes" : "memory.max"));
  // "No limit" is a number in the old hierarchy: the largest that there is.
  return bytes === undefined || bytes <= 0 || bytes >= totalmem() ? undefined : bytes;
}

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** The value of a line such as `oom_kill 3`. */
function valueOf(text: string, name: string): number | undefined {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return toInteger(line?.slice(name.length + 1) ?? "");
}

function integerIn(file: string): number | undefined {
  return toInteger(read(file)?.trim() ?? "");
}

function toInteger(text: string): number | undefined {
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Blanks and backslashes in the paths of mounts are written as octal numbers. */
function unescape(path: string): string {
  return path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // another system, or a container that hides it
  }
}
