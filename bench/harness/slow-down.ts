/**
 * Lets a process run for a share of the time only. A machine with two cores can't keep a Redis busy and itself too;
 * one that is slowed down becomes what limits, as on a machine with more cores, and what holds then can be measured.
 */

import { readFileSync } from "node:fs";

/** Short, so that a client mostly waits for the server's work, and hardly for its next turn. */
export const RUN_MS = 2;

/**
 * Begins at once; stop it before the process is to end. What counts is the CPU time that the process got, where the system tells
 * (Linux): on a busy machine, one that may run does not always run.
 */
export function slowDown(pid: number, share: number): Disposable {
  /** From when on its share is counted. */
  let since = performance.now();
  let used = cpuMs(pid);
  let ranMs = 0;
  let resumedAt = since;
  let timer = setTimeout(pause, RUN_MS);

  function pause(): void {
    process.kill(pid, "SIGSTOP");
    const now = performance.now();
    const cpu = cpuMs(pid);
    ranMs += cpu === undefined || used === undefined ? now - resumedAt : cpu - used;
    used = cpu;
    // Stopped until its run time is its share again. This makes up for timers that fired late. One that had nothing to do has
    // not saved that time up for later.
    since = Math.max(since, now - (ranMs + RUN_MS) / share);
    timer = setTimeout(resume, Math.max(1, ranMs / share - (now - since)));
  }

  function resume(): void {
    process.kill(pid, "SIGCONT");
    resumedAt = performance.now();
    timer = setTimeout(pause, RUN_MS);
  }

  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      process.kill(pid, "SIGCONT");
    },
  };
}

/** CPU time of the main thread, in ms, to the nanosecond; `undefined` where the system does not tell. */
export function cpuMs(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}
