/** How a worker machine is doing, as its health checks and metrics see it. */

import type { OutcomeText } from "@poolmq/shared/internal";

/** See the supervisor, which explains them. */
export type MachineState = "starting" | "running" | "draining" | "stopped";

/** Why a child process ended unasked; `stopped_task`: it was killed to stop one of its tasks. */
export type ChildLossReason = "exit" | "signal" | "out_of_memory" | "stopped_task";

/** A worker machine at one moment. */
export interface MachineSnapshot {
  readonly state: MachineState;
  /** Number of child processes that there should be. */
  readonly processes: number;
  /** Children whose module is loaded and whose initializer is done. */
  readonly childrenReady: number;
  readonly childrenStarting: number;
  /** Jobs that are here and have not started. */
  readonly jobsWaiting: number;
  readonly jobsRunning: number;
  /** The counts below are since the start. */
  readonly childLosses: Readonly<Record<ChildLossReason, number>>;
  readonly publishRetries: number;
  readonly locksLost: number;
}

/** The part of a job that observers see. */
export interface ObservedJob {
  /** Name of its task. */
  readonly name: string;
  /** When it was enqueued, in ms since 1970, by the producer's clock. */
  readonly timestamp: number;
  /** How often it was taken from the queue. */
  readonly attemptsMade: number;
}

/** Is told of each job as it goes. Called once or twice a job, so it must be quick. */
export interface WorkObserver {
  /** A job ran to its end, for so many ms until now. */
  ran(job: ObservedJob, ms: number): void;
  /** The outcomes of a job's items are in Redis. */
  published(task: string, items: number, outcomes: OutcomeText): void;
}
