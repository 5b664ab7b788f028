/**
 * Adds shards to a queue, or removes some, while it is in use. It takes two steps; between them, processes with the old
 * list are accepted as well as those with the new one.
 */

import { randomBytes } from "node:crypto";

import { ShardMismatchError } from "../../errors/redis-errors.ts";
import { foundShardRecord, readShardRecord, writeShardRecord } from "./shard-record.ts";
import type { ShardRecord } from "./shard-record.ts";
import type { ShardPlace } from "./agree-on-shards.ts";

export interface ShardChange {
  /**
   * - `begun`: both lists are accepted from now on.
   * - `done`: only the new list is accepted from now on.
   * - `none`: nothing was to be changed.
   */
  readonly change: "begun" | "done" | "none";
  /** The new number of shards, and the old one. */
  readonly shards: number;
  readonly before: number;
}

/**
 * Makes these the shards of a queue. A second call with the same ones ends the time in which the old list is accepted.
 *
 * @throws ShardMismatchError if two places are the same shard
 */
export async function changeShards(places: readonly ShardPlace[], queue: string): Promise<ShardChange> {
  const named = await Promise.all(
    places.map(async (place) => {
      const { redis, keys } = place;
      const known = await readShardRecord(redis, keys);
      const record = await foundShardRecord(redis, keys, { id: randomBytes(6).toString("hex") });
      return { place, known, id: record.id ?? "" };
    }),
  );
  const ids = named.map(({ id }) => id).toSorted();
  if (new Set(ids).size < ids.length) {
    const addresses = places.map(({ address }) => address);
    throw new ShardMismatchError({
      queue,
      who: "command",
      addresses,
      agreed: new Set(ids).size,
      twice: "two of these",
    });
  }
  const list = ids.join(" ");
  const others = named.find(({ known }) => known.ids.length > 0 && known.ids.join(" ") !== list);
  const isNew = named.every(({ known }) => known.ids.length === 0);
  const isDone = others === undefined && !isNew;
  const write = async (before: (known: ShardRecord, id: string) => readonly string[]): Promise<void> => {
    await Promise.all(
      named.map(({ place: { redis, keys }, known, id }) =>
        writeShardRecord(redis, keys, { id, ids, before: before(known, id) }),
      ),
    );
  };
  if (isDone) {
    // A shard that was wiped between the two steps has its record written again.
    const isOver = named.every(({ known }) => known.before.length === 0 && known.ids.length > 0);
    if (!isOver) await write(() => []);
    return { change: isOver ? "none" : "done", shards: ids.length, before: ids.length };
  }
  const old = others?.known.ids ?? [];
  // A queue that was on one server so far has no list. Processes that know only that server may go on.
  await write(({ ids: was }, id) => (isNew ? [id] : was.length === 0 || was.join(" ") === list ? old : was));
  return { change: "begun", shards: ids.length, before: isNew ? 1 : old.length };
}
