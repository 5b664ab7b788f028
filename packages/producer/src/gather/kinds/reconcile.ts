/** Finds the chunks that only this producer still knows of: Redis has lost their jobs, or their outcomes. */

import type { GatherScripts, Reconciled } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { Gathered, KindTools, Suspects } from "./map-kind.ts";

/** What follows from what Redis holds of some chunks. */
interface Decision {
  /** First indices of chunks with neither job nor outcome. */
  readonly missing: readonly number[];
  /** First indices of chunks whose outcome is gone, though their bit is set. */
  readonly undelivered: readonly number[];
  /** The map's keys were gone: its stream begins anew. */
  readonly beginsAnew: boolean;
}

/**
 * @param cursor - id of the last entry of the map's stream that was read
 * @param suspects - what had its outcome already when it was last looked
 */
export function decide(found: Reconciled, cursor: string, suspects?: Suspects): Decision {
  const { missing, decided, existed, lastEntry } = found;
  if (!existed) return { missing, undelivered: [], beginsAnew: true };
  // Everything in the stream was read, so what the bitmap says is decided should have come in.
  if (!isAfter(lastEntry, cursor)) return { missing, undelivered: decided, beginsAnew: false };
  // A busy stream is never read to its end; but it was read up to where it ended when we last looked.
  const isOverdue = suspects !== undefined && !isAfter(suspects.lastEntry, cursor);
  const undelivered = isOverdue ? decided.filter((index) => suspects.indices.has(index)) : [];
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
  const { missing, undelivered, beginsAnew } = decide(found, gathered.cursor, gathered.suspects);
  // With Redis's clock set back, the ids of the new stream may be lower than our cursor.
  if (beginsAnew) gathered.cursor = "0-0";
  const gone = map.chunks(undelivered).map(({ at }) => at);
  if (gone.length > 0) await scripts.forget(map.id, gone);
  const again = new Set(gone);
  gathered.suspects = {
    indices: new Set(found.decided.filter((index) => !again.has(index))),
    lastEntry: found.lastEntry,
  };
  await gathered.opened;
  return map.chunks([...missing, ...gone]);
}

/** Gives those chunks of a map of ours that are to be enqueued again. */
export async function lookForLost(gathered: Gathered, tools: KindTools): Promise<Chunk[]> {
  const { map, patience } = gathered;
  const now = performance.now();
  const old = map.chunks(map.underWay).filter(({ sentAt }) => patience.isOld(sentAt, now));
  if (old.length === 0) return [];
  const lost = await findLost(gathered, old, tools.scripts);
  if (map.ended || !patience.isLimboDue(now)) return lost;
  const found = new Set(lost.map(({ at }) => at));
  const others = old.flatMap(({ at }) => (found.has(at) ? [] : [at]));
  try {
    const { removed, idsRead } = await tools.removeLimbo(map.id, others);
    patience.lookedForLimbo(now, idsRead);
    return [...lost, ...map.chunks(removed)];
  } catch (error) {
    // If the login may not look for jobs in limbo, what was found above is still enqueued.
    tools.warn({ mapId: map.id, err: error }, "not looked for jobs that no worker will get");
    return lost;
  }
}

/** Whether stream id `a` comes after `b`; `""` comes before all. */
function isAfter(a: string, b: string): boolean {
  if (a === "") return false;
  const [aMs = 0, aSeq = 0] = a.split("-").map(Number);
  const [bMs = 0, bSeq = 0] = b.split("-").map(Number);
  return aMs > bMs || (aMs === bMs && aSeq > bSeq);
}
