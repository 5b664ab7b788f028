/** Finds the chunks whose jobs or outcomes Redis has lost. */

import type { GatherScripts, Reconciled } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { Gathered, KindTools, Suspects } from "./map-kind.ts";

/** What is to be done, decided from what Redis holds. */
interface Decision {
  /** First indices of chunks with neither job nor outcome. */
  readonly missing: readonly number[];
  /** First indices of chunks whose outcome is gone, though their bit is set. */
  readonly undelivered: readonly number[];
  /** Whether the map's keys were gone, so that its stream begins anew. */
  readonly beginsAnew: boolean;
}

/**
 * @param cursor - id of the last entry of the map's stream that was read
 * @param suspects - chunks that had their outcome already at the last look
 */
export function decide(found: Reconciled, cursor: string, suspects?: Suspects): Decision {
  const { missing, decided, existed, lastEntry } = found;
  if (!existed) return { missing, undelivered: [], beginsAnew: true };
  // Everything in the stream was read, so every outcome that the bitmap says exists should have come in.
  if (!isAfter(lastEntry, cursor)) return { missing, undelivered: decided, beginsAnew: false };
  // A busy stream is never read to its end. But it may have been read up to where it ended at the last look.
  const isOverdue = suspects !== undefined && !isAfter(suspects.lastEntry, cursor);
  const undelivered = isOverdue ? decided.filter((index) => suspects.indices.has(index)) : [];
  return { missing, undelivered, beginsAnew: false };
}

/** Gives the chunks that have neither a job nor an outcome, and are to be enqueued. */
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
  // If Redis's clock was set back, the ids of the new stream may be lower than the cursor.
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

/** Gives the chunks of this producer's map that are to be enqueued again. */
export async function lookForLost(gathered: Gathered, tools: KindTools): Promise<Chunk[]> {
  const { map, patience } = gathered;
  const now = performance.now();
  const adding = new Set([...gathered.adding].flatMap((chunks) => chunks.map(({ at }) => at)));
  const old = map
    .chunks(map.underWay)
    .filter(({ at, sentAt }) => !adding.has(at) && patience.isOld(sentAt, now));
  if (old.length === 0) return [];
  const lost = await findLost(gathered, old, tools.scripts);
  if (map.ended || !patience.isLimboDue(now)) return lost;
  const found = new Set(lost.map(({ at }) => at));
  const others = old.flatMap(({ at }) => (found.has(at) ? [] : [at]));
  try {
    const { removed, idsRead } = await tools.removeLimbo(map.id, others);
    patience.lookedForLimbo(now, performance.now(), idsRead);
    return [...lost, ...map.chunks(removed)];
  } catch (error) {
    // Even if the login may not look for jobs in limbo, the chunks found above are enqueued.
    tools.warn({ mapId: map.id, err: error }, "could not look for jobs that no worker will get");
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
