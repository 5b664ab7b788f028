/** The state of a worker machine, for its health checks and metrics. */

import type { ChildLossReason } from "../crew/loss-reason.ts";

/** The states are explained at the head of `supervisor.ts`. */
export type MachineState = "starting" | "running" | "draining" | "stopped";

/** A worker machine at one moment. */
export interface MachineSnapshot {
  readonly state: MachineState;
  /** Number of child processes that there should be. */
  readonly processes: number;
  /** Children whose module is loaded and whose initializer is done. */
  readonly childrenReady: number;
  readonly childrenStarting: number;
  /** Resident memory of all children together, as far as the system tells. */
  readonly childMemoryBytes: number;
  /** Jobs that the machine has fetched and not started. */
  readonly jobsWaiting: number;
  readonly jobsRunning: number;
  /** The counts below are since the start. */
  readonly childLosses: Readonly<Record<ChildLossReason, number>>;
  readonly publishRetries: number;
  readonly locksLost: number;
}
