import { urlsOf } from "@poolmq/shared/internal";

import { DEFAULT_URL } from "../../worker-options.ts";
import type { WorkerOptions } from "../../worker-options.ts";

/**
 * Reads the flags that say where a queue is. A URL says nothing of a Cluster, so that with `--shards`, the URLs are those of its
 * nodes.
 *
 * @param redis - the URLs; else those of the environment
 */
export function connectionGiven(
  redis: readonly string[] | undefined,
  shards: number | undefined,
): Pick<WorkerOptions, "connection" | "shards"> {
  if (shards === undefined) return { connection: redis?.length === 1 ? redis[0] : redis };
  const { urls } = urlsOf(process.env);
  const nodes = redis ?? (urls.length > 0 ? urls : [DEFAULT_URL]);
  return { connection: { cluster: [...nodes] }, shards };
}
