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
