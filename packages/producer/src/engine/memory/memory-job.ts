import type { JobData } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { CarriedMap } from "../../map/transport.ts";

/** A chunk on its way. */
export interface MemoryJob {
  readonly map: CarriedMap;
  readonly chunk: Chunk;
  readonly data: JobData;
  readonly attempt: number;
  readonly priority: number | undefined;
}

/** When it was enqueued, by the wall clock, which all processes share; `undefined` if it was run before. */
export function enqueuedAtMs({ chunk, data, attempt }: MemoryJob): number | undefined {
  if (chunk.sentAt === undefined || attempt > 1 || data.suspect !== undefined) return undefined;
  return Date.now() - (performance.now() - chunk.sentAt);
}
