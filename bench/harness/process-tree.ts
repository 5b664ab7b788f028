/** What the processes of this machine use, as Linux tells it in `/proc`. */

import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts in hundredths of a second, on every system that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Pages have 4 KiB on all systems for which there is a Node with them; on others only the memory is wrong. */
const PAGE_BYTES = 4_096;

export interface Use {
  readonly cpuSeconds: number;
  /** Resident set. Pages that processes share are counted for each of them. */
  readonly residentMiB: number;
}

export interface TreeUse {
  /** The process itself. */
  readonly own: Use;
  /** The processes that it started, and theirs, together. */
  readonly children: Use;
}

interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly residentMiB: number;
  /** Of the system's clock, which counts whole hundredths of a second. */
  readonly roughCpuSeconds: number;
}

/** What processes, and those that they started, used so far, in the order of `pids`. Zeros where the system does not tell. */
export function useOf(pids: readonly number[]): TreeUse[] {
  const all = seen();
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  const below = (pid: number): Seen[] =>
    (byParent.get(pid) ?? []).flatMap((child) => [child, ...below(child.pid)]);
  return pids.map((pid) => {
    const own = byPid.get(pid);
    return { own: own === undefined ? NOTHING : useOfOne(own), children: sumOf(below(pid).map(useOfOne)) };
  });
}

/** The processes that a process started itself, and that still run. */
export function childrenOf(pid: number): number[] {
  return seen().flatMap((one) => (one.parent === pid ? [one.pid] : []));
}

const NOTHING: Use = { cpuSeconds: 0, residentMiB: 0 };

/** Adds up what several use. */
export function sumOf(uses: readonly Use[]): Use {
  return {
    cpuSeconds: uses.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    residentMiB: uses.reduce((sum, { residentMiB }) => sum + residentMiB, 0),
  };
}

function useOfOne({ pid, residentMiB, roughCpuSeconds }: Seen): Use {
  return { residentMiB, cpuSeconds: threadsCpuSeconds(pid) ?? roughCpuSeconds };
}

/**
 * To the nanosecond: a process that is idle most of the time uses less than a hundredth of a second while it is measured. Only
 * threads that still run are counted; those of Node live as long as their process. `undefined` if the system does not tell.
 */
function threadsCpuSeconds(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce((sum, thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      return sum + Number(text.split(" ")[0]) / 1e9;
    }, 0);
  } catch {
    return undefined;
  }
}

function seen(): Seen[] {
  return namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => see(Number(pid)) ?? []);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function see(pid: number): Seen | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may have spaces.
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    return {
      pid,
      parent: fields[1] ?? 0,
      roughCpuSeconds: ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_PER_SECOND,
      residentMiB: ((fields[21] ?? 0) * PAGE_BYTES) / 1024 ** 2,
    };
  } catch {
    // It has ended since.
    return undefined;
  }
}
