import { readFileSync } from "node:fs";

/** The kernel counts in hundredths of a second, on every system that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time that a process used so far, in seconds; 0 where the system does not tell. */
export function cpuSecondsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may have spaces.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
