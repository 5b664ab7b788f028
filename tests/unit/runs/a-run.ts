import type { Run } from "../../../packages/worker/src/runs/run.ts";

/** A run of one item. */
export function aRun(changes: Partial<Run> = {}): Run {
  return {
    fn: "quick",
    map: "m",
    at: 0,
    n: 1,
    attempt: 1,
    args: "[[1]]",
    bytes: undefined,
    careful: false,
    skip: [],
    shares: [],
    trace: undefined,
    logs: false,
    timeoutMs: undefined,
    ...changes,
  };
}
