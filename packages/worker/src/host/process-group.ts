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
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The fields behind the name, which may hold any character: state, parent, group.
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(pgrp) === group && state !== "Z";
  } catch {
    return false; // it has ended
  }
}
