/** Finds out which chunks are under way for us alone: Redis has lost their jobs, or their outcomes. */

import type { GatherScripts, Reconciled } from "@poolmq/shared/internal";

import type { Chunk } from "../map/chunk.ts";
import type { Gathered } from "./map-kind.ts";

/** What follows from what Redis holds of some chunks. */
interface Decision {
  /** First indices of chunks with neither job nor outcome. */
  readonly missing: readonly number[];
  /** First indices of chunks whose outcome is gone, though their bit is set. */
  readonly undelivered: readonly number[];
  /** The map's keys were gone: its stream begins anew. */
  readonly beginsAnew: boolean;
}

/** @param cursor - id of the last entry of the map's stream that was read */
export function decide(found: Reconciled, cursor: string): Decision {
  const { missing, decided, existed, lastEntry } = found;
  if (!existed) return { missing, undelivered: [], beginsAnew: true };
  // Decided by the bitmap, and everything in the stream was read: these outcomes are gone.
  const undelivered = isAfter(lastEntry, cursor) ? [] : decided;
  return { missing, undelivered, beginsAnew: false };
}

/** Gives those of the chunks that have neither a job nor an outcome, and are to be enqueued. */
export async function findLost(
  gathered: Gathered,
  chunks: readonly Chunk[],
  scripts: GatherScripts,
): Promise<Chunk[]> {
  const { map } = gathered;
  const indices = chunks.map(({ at }) => at);
  const found = await scripts.reconcile(map.id, indices);
  if (map.ended) return [];
  gathered.reopen();
  const { missing, undelivered, beginsAnew } = decide(found, gathered.cursor);
  // With Redis's clock set back, the ids of the new stream may be lower than our cursor.
  if (beginsAnew) gathered.cursor = "0-0";
  const gone = map.chunks(undelivered).map(({ at }) => at);
  if (gone.length > 0) await scripts.forget(map.id, gone);
  await gathered.opened;
  return map.chunks([...missing, ...gone]);
}

/** Whether stream id `a` comes after `b`; `""` comes before all. */
function isAfter(a: string, b: string): boolean {
  if (a === "") return false;
  const [aMs = 0, aSeq = 0] = a.split("-").map(Number);
  const [bMs = 0, bSeq = 0] = b.split("-").map(Number);
  return aMs > bMs || (aMs === bMs && aSeq > bSeq);
}
