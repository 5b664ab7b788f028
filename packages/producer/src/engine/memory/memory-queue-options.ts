import type { TaskInfo } from "@poolmq/shared/internal";
import type { afterCut, Crew, mayBeCut, SharedValue, skippedOf, verdictOn } from "@poolmq/worker/local";

import type { KeepForReplay } from "./keep-for-replay.ts";

/** The collaborators of a queue in memory. */
export interface MemoryQueueOptions {
  readonly crew: Pick<Crew, "begin" | "cancel" | "capacity" | "details" | "idlePlaces" | "members">;
  /** The registered tasks, by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /** Names the pool in `error.remote`. */
  readonly worker: string;
  /** Process id of a worker; undefined if each is a process of its own. */
  readonly pid: number | undefined;
  /** Values that were shared, by id. */
  readonly shares: ReadonlyMap<string, SharedValue>;
  readonly workerLossAttempts: number;
  /** The rules for runs, which a worker machine uses too. */
  readonly rules: {
    readonly afterCut: typeof afterCut;
    readonly mayBeCut: typeof mayBeCut;
    readonly skippedOf: typeof skippedOf;
    readonly verdictOn: typeof verdictOn;
  };
  /** Keeps failed items; undefined if the tasks have no file from which another process could load them. */
  readonly kept: KeepForReplay | undefined;
}
