/** The options of a crew, and the functions that it calls. */

import type { Payload } from "@poolmq/shared/internal";

import type { Run } from "../runs/run.ts";
import type { MemberOptions } from "./member-options.ts";
import type { MemoryWatchOptions } from "./memory-watch.ts";

export interface CrewOptions extends MemberOptions, MemoryWatchOptions {
  /** A running task reported its progress. */
  readonly onProgress: (run: Run, index: number, payload: Payload) => void;
  /** A running task printed or logged a line: a `LogLine` as JSON. */
  readonly onLog: (run: Run, index: number, pid: number, line: string) => void;
  /** `capacity` or `ready` may have changed. */
  readonly onChange: () => void;
}
