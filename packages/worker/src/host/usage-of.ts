import { readFileSync } from "node:fs";

import type { ChildDetail } from "@poolmq/shared/internal";

import type { Host } from "./host.ts";

/** Linux counts a process's time in hundredths of a second. */
const TICK_MS = 10;

/** The memory and processor time of a host, where the system reports them. */
export function usageOf(host: Host): Pick<ChildDetail, "rss" | "cpuMs"> {
  const rss = host.residentBytes();
  // A thread has neither: it shares its process.
  const cpuMs = rss === undefined ? undefined : cpuMsOf(host.pid);
  return { ...(rss === undefined ? {} : { rss }), ...(cpuMs === undefined ? {} : { cpuMs }) };
}

/** Gives the time for which a process has computed since its start; `undefined` where the system has no `/proc`. */
function cpuMsOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the name, which may hold spaces and parentheses. Behind it: state, …, utime, stime.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ms = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    return Number.isFinite(ms) ? ms : undefined;
  } catch {
    return undefined;
  }
}
