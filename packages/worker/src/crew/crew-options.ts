/** How a crew is set up, and what it tells of. */

import type { Payload } from "@poolmq/shared/internal";

import type { Run } from "../runs/run.ts";
import type { MemberOptions } from "./member-options.ts";
import type { MemoryWatchOptions } from "./memory-watch.ts";

export interface CrewOptions extends MemberOptions, MemoryWatchOptions {
  /** A running task said something of its progress. */
  readonly onProgress: (run: Run, index: number, payload: Payload) => void;
  /** A running task printed or logged a line: a `LogLine` as JSON. */
  readonly onLog: (run: Run, index: number, pid: number, line: string) => void;
  /** `capacity` or `ready` may have changed. */
  readonly onChange: () => void;
}
