import type { HostExit } from "../host/host.ts";

/** Why a host ended unexpectedly. `stopped_task`: it was killed in order to stop one of its tasks. */
export type ChildLossReason = "exit" | "signal" | "out_of_memory" | "stopped_task";

/** Counts of losses, all 0. */
export function noLosses(): Record<ChildLossReason, number> {
  return { exit: 0, signal: 0, out_of_memory: 0, stopped_task: 0 };
}

/** @param wasKilled - the crew killed it in order to stop one of its tasks */
export function lossReason(wasKilled: boolean, { outOfMemory, signal }: HostExit): ChildLossReason {
  if (wasKilled) return "stopped_task";
  if (outOfMemory) return "out_of_memory";
  return signal === null ? "exit" : "signal";
}
