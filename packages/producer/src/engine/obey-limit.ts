import type { TaskInfo } from "@poolmq/shared/internal";

import { fixedChunks } from "../input/chunk-size.ts";
import type { MapRun } from "../map/map-run.ts";

/**
 * Gives a map the limit of its task's definition, unless the call or the pool has one. With a limit of starts in a
 * second, each item is a job of its own, because the items of a chunk start one after the other and can't be held back.
 * The items of a batch task count as one start.
 *
 * A durable map is divided as its call says: a process that takes it up has to divide it in the same way, and may not
 * know the definition.
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
