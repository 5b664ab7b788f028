import type { TaskInfo } from "@poolmq/shared/internal";

import type { Crew } from "../crew/crew.ts";
import type { RecentLines } from "../log/recent-lines.ts";
import type { HeldBytes } from "../job/context/held-bytes.ts";
import type { KeptShares } from "../job/context/kept-shares.ts";
import type { WorkObserver } from "../job/context/work-observer.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";

/** What all lanes of a machine share. */
export interface ServedMachine {
  readonly id: string;
  readonly options: ResolvedWorkerOptions;
  readonly crew: Crew;
  /** Registered functions by name. Empty until the module is loaded. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  readonly observer: WorkObserver;
  /** The shared values that it keeps. */
  readonly shares: KeptShares;
  /** Limits its memory for large arguments and outcomes. */
  readonly held: HeldBytes;
  /** The last lines of its log. */
  readonly recentLog: RecentLines;
  /** Takes no more jobs, finishes what runs, and ends. */
  readonly drain: () => void;
  /** Resolves once the machine takes no new job. */
  readonly draining: Promise<void>;
}
