/** Agrees with everybody else on a queue over how many Redis servers it is spread, and over which. */

import { randomBytes } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { ShardMismatchError } from "../../errors/redis-errors.ts";
import type { QueueKeys } from "../keys/keys.ts";
import { foundShardRecord, readShardRecord } from "./shard-record.ts";
import type { ShardRecord } from "./shard-record.ts";

/** A shard that answers. */
export interface ShardPlace {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  /** For messages. */
  readonly address: string;
}

export interface AgreedShards {
  /** Ids of all shards, sorted; `undefined` until each was there once, if nobody has agreed on anything before. */
  readonly ids: readonly string[] | undefined;
  /** Of each place; `undefined` of those that are away, or that can't be told apart while others are. */
  readonly own: readonly (string | undefined)[];
}

/** Who asks, for the error. */
export interface ShardAsker {
  readonly queue: string;
  readonly who: "producer" | "worker machine" | "command";
  /** Where the shards are that it was given. */
  readonly addresses: readonly string[];
  /** False: it only asks, and agrees to nothing by itself. @defaultValue true */
  readonly founds?: boolean;
}

/** What follows from what the shards know. */
export type ShardDecision =
  /** Nobody has agreed on anything, and all are there: ids are made. */
  | { readonly kind: "found" }
  /** The same, and some are away: it can't be done yet. */
  | { readonly kind: "open" }
  | {
      readonly kind: "agreed";
      readonly ids: readonly string[];
      readonly own: readonly (string | undefined)[];
      /** Places whose record is to be written again: that server was wiped. */
      readonly lost: readonly number[];
    }
  /** @param stranger - the place of a shard that is none of the others', if it is known */
  | { readonly kind: "mismatch"; readonly agreed: number; readonly stranger: number | undefined }
  /** Two places are the same shard. */
  | { readonly kind: "twice"; readonly places: readonly [number, number] };

/** A pure rule. @param readings - what each place knows; `undefined`: it is away */
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
    // One that was removed still says what was so before: whoever says another number than was given is believed.
    const { ids: agreed } = founded.find((record) => record.ids.length !== readings.length) ?? first;
    const stranger = founded.find(({ id }) => id === undefined || !agreed.includes(id));
    return { kind: "mismatch", agreed: agreed.length, stranger: stranger?.place };
  }
  // What a founding left that did not come to its end is as good as nothing, unless its id is one of those.
  const own = ids.map((id) => (id !== undefined && list.includes(id) ? id : undefined));
  const missing = list.filter((id) => !own.includes(id));
  const unnamed = [...readings.keys()].filter(
    (place) => readings[place] !== undefined && own[place] === undefined,
  );
  // Of several that were wiped, each gets one of the ids that are left; with others away, nobody knows which.
  if (unnamed.length === missing.length) for (const [n, place] of unnamed.entries()) own[place] = missing[n];
  const lost = [...readings.keys()].filter(
    (place) => own[place] !== undefined && readings[place]?.ids.length === 0,
  );
  return { kind: "agreed", ids: list, own, lost };
}

/**
 * Reads what the shards know, and founds the agreement if there is none. May be asked again whenever another shard answers.
 *
 * @param places - in an order that is always the same; `undefined`: that one is away
 * @throws ShardMismatchError
 */
export async function agreeOnShards(
  places: readonly (ShardPlace | undefined)[],
  asker: ShardAsker,
): Promise<AgreedShards> {
  const readings = await onEach(places, ({ redis, keys }) => readShardRecord(redis, keys));
  // A queue on one Redis needs no agreement: there is none to be found, unless it is spread over more.
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
        // Whoever founds at the same moment comes to the same list, because the ids stand.
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
    places.map(async (place, number) => (place === undefined ? undefined : await step(place, number))),
  );
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, place) => id === b[place]);
}
