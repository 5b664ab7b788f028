/** What a crew gives its members, and what they call on it. */

import type { Payload, TaskInfo } from "@poolmq/shared/internal";

import type { HostExit, StartHost } from "../host/host.ts";
import type { HostRunsOptions } from "../runs/host-runs.ts";
import type { RetireLimits } from "./retire-reason.ts";
import type { Run, Ticket } from "../runs/run.ts";

export interface MemberOptions extends HostRunsOptions, RetireLimits {
  readonly startHost: StartHost;
  /** Path of the tasks module, for errors. */
  readonly module: string;
  /** How long a host may take to load the module and run its initializer, in ms. */
  readonly startTimeoutMs: number;
}

export interface MemberEvents {
  onReady(tasks: Readonly<Record<string, TaskInfo>>): void;
  /** The member can take another run, or will take no more. */
  onFree(): void;
  /** A job ran for `ms`. */
  onMeasured(ms: number): void;
  /** A run that the member had not begun is to run elsewhere. */
  onGivenBack(ticket: Ticket): void;
  onProgress(run: Run, index: number, payload: Payload): void;
  /** @param line - a `LogLine` as JSON */
  onLog(run: Run, index: number, pid: number, line: string): void;
  /** @param charged - the runs that may have ended the host */
  onGone(exit: HostExit, charged: readonly Ticket[]): void;
  /** No host of the crew has become ready yet. */
  isFirstStart(): boolean;
}
