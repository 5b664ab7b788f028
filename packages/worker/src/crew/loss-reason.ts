import type { HostExit } from "./host.ts";

/** Why a host ended unasked; `stopped_task`: it was killed to stop one of its tasks. */
export type ChildLossReason = "exit" | "signal" | "out_of_memory" | "stopped_task";

/** @param wasKilled - to stop one of its tasks */
export function lossReason(wasKilled: boolean, { outOfMemory, signal }: HostExit): ChildLossReason {
  if (wasKilled) return "stopped_task";
  if (outOfMemory) return "out_of_memory";
  return signal === null ? "exit" : "signal";
}
