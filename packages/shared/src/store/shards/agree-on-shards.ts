/** Agrees with all other processes of a queue on the Redis servers over which it is spread. */

import { randomBytes } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { ShardMismatchError } from "../../errors/redis-errors.ts";
import { untilNotRefused } from "../../redis/until-not-refused.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { foundShardRecord, readShardRecord } from "./shard-record.ts";
import type { ShardRecord } from "./shard-record.ts";

/** A shard that answers, with its connection. */
export interface ShardPlace {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  /** For messages. */
  readonly address: string;
}

export interface AgreedShards {
  /**
   * Ids of all shards, sorted. `undefined` while nothing is agreed on yet, because not all shards have answered at once.
   */
  readonly ids: readonly string[] | undefined;
  /**
   * Id of each place; `undefined` of one that is away, or that can't be told apart from others as long as these are away.
   */
  readonly own: readonly (string | undefined)[];
}

/** What the error says of the process that asks. */
export interface ShardAsker {
  readonly queue: string;
  readonly who: "producer" | "worker machine" | "command";
  /** Where the shards are that it was given. */
  readonly addresses: readonly string[];
  /** Whether it may make the agreement if there is none; false: it only reads. @defaultValue true */
  readonly founds?: boolean;
}

/** What to do, decided from the records of the shards. */
export type ShardDecision =
  /** There is no agreement yet and all shards answer: make ids. */
  | { readonly kind: "found" }
  /** There is no agreement yet and some shards are away: wait. */
  | { readonly kind: "open" }
  | {
      readonly kind: "agreed";
      readonly ids: readonly string[];
      readonly own: readonly (string | undefined)[];
      /** Places whose record is to be written again: that server was wiped. */
      readonly lost: readonly number[];
    }
  /** `stranger`: the place of a shard that does not belong to the queue, if that is known. */
  | { readonly kind: "mismatch"; readonly agreed: number; readonly stranger: number | undefined }
  /** Two places are the same shard. */
  | { readonly kind: "twice"; readonly places: readonly [number, number] };

/** Decides, without I/O. @param readings - the record of each place; `undefined` of one that is away */
export function decideOnShards(readings: readonly (ShardRecord | undefined)[]): ShardDecision {
  const ids = readings.map((reading) => reading?.id);
  for (const [place, id] of ids.entries()) {
    const other = ids.indexOf(id);
    if (id !== undefined && other < place) return { kind: "twice", places: [other, place] };
  }
  const founded = readings.flatMap((reading, place) =>
    reading === undefined || reading.ids.length === 0 ? [] : [{ ...reading, place }],
  );
  const [first] = founded;
  if (first === undefined) return { kind: readings.includes(undefined) ? "open" : "found" };
  const isIn = ({ id, ids: now, before }: ShardRecord, list: readonly string[]): boolean =>
    id !== undefined && list.includes(id) && (isSame(list, now) || isSame(list, before));
  const lists = [first.ids, first.before].filter(({ length }) => length === readings.length);
  const list = lists.find((candidate) => founded.every((record) => isIn(record, candidate)));
  if (list === undefined) {
    // A shard that was removed still has the list of before. So prefer a record whose number of shards differs from the
    // number that was given.
    const { ids: agreed } = founded.find((record) => record.ids.length !== readings.length) ?? first;
    const stranger = founded.find(({ id }) => id === undefined || !agreed.includes(id));
    return { kind: "mismatch", agreed: agreed.length, stranger: stranger?.place };
  }
  // An id that is not in the list was left by an agreement that was never completed, and counts as none.
  const own = ids.map((id) => (id !== undefined && list.includes(id) ? id : undefined));
  const missing = list.filter((id) => !own.includes(id));
  const unnamed = [...readings.keys()].filter(
    (place) => readings[place] !== undefined && own[place] === undefined,
  );
  // Of several shards that were wiped, each gets one of the ids that are left. While other shards are away, it is unknown
  // which ids these are.
  if (unnamed.length === missing.length) for (const [n, place] of unnamed.entries()) own[place] = missing[n];
  const lost = [...readings.keys()].filter(
    (place) => own[place] !== undefined && readings[place]?.ids.length === 0,
  );
  return { kind: "agreed", ids: list, own, lost };
}

/**
 * Reads the records of the shards, and makes the agreement if there is none. May be called again whenever another shard
 * answers.
 *
 * @param places - always in the same order; `undefined` of a shard that is away
 * @throws ShardMismatchError
 */
export async function agreeOnShards(
  places: readonly (ShardPlace | undefined)[],
  asker: ShardAsker,
): Promise<AgreedShards> {
  const readings = await onEach(places, ({ redis, keys }) => readShardRecord(redis, keys));
  // A queue on one Redis needs no agreement. A record here would mean that the queue is spread over more.
  if (readings.length === 1 && readings[0]?.ids.length === 0) return { ids: undefined, own: [undefined] };
  const decision = decideOnShards(readings);
  switch (decision.kind) {
    case "open":
      return { ids: undefined, own: places.map(() => undefined) };
    case "found": {
      if (asker.founds === false) return { ids: undefined, own: places.map(() => undefined) };
      const named = await onEach(places, ({ redis, keys }) =>
        foundShardRecord(redis, keys, { id: randomBytes(6).toString("hex") }),
      );
      const ids = named.flatMap((record) => record?.id ?? []).toSorted();
      if (new Set(ids).size === ids.length) {
        // A process that does the same at this moment comes to the same list, because an id is never overwritten.
        await onEach(places, ({ redis, keys }) => foundShardRecord(redis, keys, { id: "", ids }));
      }
      return await agreeOnShards(places, asker);
    }
    case "agreed": {
      const { ids, own, lost } = decision;
      await onEach(places, async ({ redis, keys }, place) => {
        const id = own[place];
        if (id !== undefined && lost.includes(place)) await foundShardRecord(redis, keys, { id, ids });
      });
      return { ids, own };
    }
    case "mismatch": {
      const { agreed, stranger } = decision;
      throw new ShardMismatchError({ ...asker, agreed, stranger: asker.addresses[stranger ?? -1] });
    }
    case "twice": {
      const [one, other] = decision.places.map((place) => asker.addresses[place] ?? "");
      throw new ShardMismatchError({ ...asker, agreed: places.length - 1, twice: `${one} and ${other}` });
    }
    default:
      return decision satisfies never;
  }
}

async function onEach<V>(
  places: readonly (ShardPlace | undefined)[],
  step: (place: ShardPlace, number: number) => Promise<V>,
): Promise<(V | undefined)[]> {
  return await Promise.all(
    places.map(async (place, number) =>
      place === undefined ? undefined : await untilNotRefused(() => step(place, number)),
    ),
  );
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, place) => id === b[place]);
}
