/**
 * Adds shards to a queue, or removes some, while it is used: two steps, and in between, those who have the list before are as
 * welcome as those who have the new one.
 */

import { randomBytes } from "node:crypto";

import { ShardMismatchError } from "../../errors/redis-errors.ts";
import { foundShardRecord, readShardRecord, writeShardRecord } from "./shard-record.ts";
import type { ShardRecord } from "./shard-record.ts";
import type { ShardPlace } from "./agree-on-shards.ts";

export interface ShardChange {
  /**
   * - `begun`: both lists are taken from now on.
   * - `done`: only the new list is taken from now on.
   * - `none`: it was so before.
   */
  readonly change: "begun" | "done" | "none";
  /** How many shards there are to be, and how many there were. */
  readonly shards: number;
  readonly before: number;
}

/**
 * Makes these the shards of a queue. Called once more with the same ones, it ends the time in which the list before is taken.
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
    // One that was wiped in between is written again.
    const isOver = named.every(({ known }) => known.before.length === 0 && known.ids.length > 0);
    if (!isOver) await write(() => []);
    return { change: isOver ? "none" : "done", shards: ids.length, before: ids.length };
  }
  const old = others?.known.ids ?? [];
  // A queue that was on one server so far has no list: whoever has only that server goes on.
  await write(({ ids: was }, id) => (isNew ? [id] : was.length === 0 || was.join(" ") === list ? old : was));
  return { change: "begun", shards: ids.length, before: isNew ? 1 : old.length };
}
