import type { TaskInfo } from "@poolmq/shared/internal";

import { fixedChunks } from "../input/chunk-size.ts";
import type { MapRun } from "../map/map-run.ts";

/**
 * Gives a map the limit of its task's definition, unless the call or the pool said one. With a limit of starts in a
 * second, each item is a job of its own: nothing could hold back the items of a chunk, which start one after the other.
 * Those of a batch task are one start.
 *
 * A durable map is cut as its call says, because whoever takes it up has to cut it the same way, and may know no
 * definition.
 */
export function obeyLimit(
  run: MapRun,
  info: TaskInfo | undefined,
  { durable }: { readonly durable: boolean },
): void {
  run.job.limit ??= info?.limit;
  if (run.job.limit?.ratePerSecond === undefined || durable || info?.maxItems !== undefined) return;
  run.chunkSize = fixedChunks(1);
}
