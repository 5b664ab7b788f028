/**
 * Lets a process run only for a share of the time. A machine with two cores can't produce enough load for a Redis. A
 * Redis that is slowed down becomes the bottleneck, as on a machine with more cores, so that this case can be measured.
 */

import { readFileSync } from "node:fs";

/**
 * How long the process runs in each turn, in ms. It is short, so that a client waits mostly for the server's work and not
 * for its next turn.
 */
export const RUN_MS = 2;

/**
 * Begins at once; dispose of it before the process ends. On Linux it counts the CPU time that the process got, because on
 * a busy machine a process that may run does not always run.
 */
export function slowDown(pid: number, share: number): Disposable {
  /** Its share is counted from this time on. */
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
    // Stop it until its run time equals its share again, which makes up for timers that fired late. Idle time is not
    // saved up for later.
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

/**
 * CPU time of the main thread, in ms, with a resolution of a nanosecond; `undefined` if the system does not report it.
 */
export function cpuMs(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}
