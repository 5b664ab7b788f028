import { readdirSync, readFileSync } from "node:fs";

/**
 * Whether a process group has living members other than its leader. Reads an entry of `/proc` for each process of the
 * system. `false` where the system has no `/proc`.
 */
export function hasOthersInGroup(leader: number): boolean {
  try {
    return readdirSync("/proc").some((name) => {
      return /^\d+$/.test(name) && Number(name) !== leader && isLivingIn(leader, name);
    });
  } catch {
    return false;
  }
}

function isLivingIn(group: number, pid: string): boolean {
  try {
    const [state, , pgrp] = statOf(pid);
    return Number(pgrp) === group && state !== "Z";
  } catch {
    return false; // it has ended
  }
}

/** Whether a signal has stopped a process, so that it does nothing until another lets it go on. A debugger does not count. */
export function isStopped(pid: number): boolean {
  try {
    return statOf(pid)[0] === "T";
  } catch {
    return false;
  }
}

/** The fields behind the name, which may hold any character: state, parent, group. */
function statOf(pid: number | string): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
