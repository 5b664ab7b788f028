import type { Logger } from "pino";

import type { JobData, TaskInfo } from "@poolmq/shared/internal";
import type { GatherScripts, Machines } from "@poolmq/shared/redis";

import type { OutcomeLimit } from "../../item/outcome-writer.ts";
import type { Crew } from "../../crew/crew.ts";
import type { ThrottledLog } from "../../log/throttled-log.ts";
import type { Locks } from "../../queue/locks.ts";
import type { QueuedJob } from "../../queue/begun-jobs.ts";
import type { JobQueue } from "../../queue/job-queue.ts";
import type { HeldBytes } from "./held-bytes.ts";
import type { JobSeals } from "./job-seals.ts";
import type { Permits } from "./permits.ts";
import type { Publisher } from "../../outcome/publisher.ts";
import type { RunsInHand } from "./runs-in-hand.ts";
import type { SettledJobs } from "./settled-jobs.ts";
import type { SharedValues } from "./shared-values.ts";
import type { TaskReports } from "./task-reports.ts";
import type { UnwantedMaps } from "./unwanted-maps.ts";
import type { WorkObserver } from "./work-observer.ts";

/** The parts of a machine that a job needs on its way. All of them exist before the first job is fetched. */
export interface JobContext {
  readonly machine: JobMachine;
  readonly crew: Pick<Crew, "run">;
  readonly store: Pick<GatherScripts, "bytes" | "dropBytes">;
  readonly fleet: Pick<Machines, "live" | "remembered">;
  readonly seals: JobSeals;
  readonly locks: Pick<Locks, "hold" | "release">;
  readonly runs: RunsInHand;
  /** For jobs with a limit. */
  readonly permits: Pick<Permits, "run" | "leave">;
  readonly unwanted: UnwantedMaps;
  readonly settled: Pick<SettledJobs, "has">;
  readonly shared: Pick<SharedValues, "get">;
  /** Bounds the memory for large arguments and outcomes. */
  readonly held: HeldBytes;
  readonly publisher: Pick<Publisher, "publish" | "publishBy" | "untilTaken">;
  readonly queue: Pick<JobQueue, "finish">;
  readonly reports: Pick<TaskReports, "cut" | "flush" | "progress" | "log">;
  /** The largest outcome that Redis takes in one piece, if that is less than the machine's own limit. */
  readonly outcomeLimit: OutcomeLimit | undefined;
  readonly log: Logger;
  /** Writes the log lines of items that threw. */
  readonly failures: Pick<ThrottledLog, "warn">;
}

/** The facts of the machine that decide how a job is treated. */
interface JobMachine {
  readonly id: string;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /** Version of the tasks' code, if one was given. */
  readonly codeVersion: string | undefined;
  /** After how many lost processes an item is given up. */
  readonly workerLossAttempts: number;
  /** Whether callers see neither where a task failed nor what it prints. */
  readonly redactRemoteStacks: boolean;
  readonly observer: WorkObserver;
  /** Resolves once the machine takes no new job. */
  readonly draining: Promise<void>;
}

/** A job that this machine has in hand. */
export interface JobInHand {
  readonly job: QueuedJob;
  readonly data: JobData;
  /** Token of its lock. */
  readonly token: string;
}
