/**
 * Maps with a `mapId` over several shards. Each shard has a part, which is a map of its own there. The field `shards` of
 * its record holds the ids of the shards over which the map is spread, so that a process that takes it up looks for each
 * chunk where it is, even if shards were added since.
 */

import { IncompleteMapError, UnknownMapError } from "@poolmq/shared";
import { DURABLE_TTL_MS, jobIdOf } from "@poolmq/shared/redis";

import type { Chunk } from "../input/chunk.ts";
import type { DurableMap, DurableMaps } from "../gather/kinds/durable-maps.ts";
import { homeOf } from "./placement.ts";
import type { ShardList } from "./shard-list.ts";
import type { Shard } from "./shard.ts";

/** The most maps that may be between having been found and being opened. */
const REMEMBERED = 10_000;

type Call = Parameters<DurableMaps["claim"]>[1];

export class ShardedDurable implements Pick<DurableMaps, "claim" | "find" | "acknowledge"> {
  readonly #list: ShardList;
  readonly #mayBeLimited: (task: string) => boolean;
  /** By map id: the shard ids of maps that were claimed or found here and are about to be opened, the latest last. */
  readonly #idsOf = new Map<string, readonly string[]>();

  /** @param mayBeLimited - whether the definition of a task has a limit, or is not known */
  constructor(list: ShardList, mayBeLimited: (task: string) => boolean) {
    this.#list = list;
    this.#mayBeLimited = mayBeLimited;
  }

  /** Gives the ids of the shards over which a map that was claimed or found is spread. */
  idsOf(mapId: string): readonly string[] {
    return this.#idsOf.get(mapId) ?? [];
  }

  #remember(mapId: string, ids: readonly string[]): void {
    this.#idsOf.delete(mapId);
    this.#idsOf.set(mapId, ids);
    const [oldest] = this.#idsOf.keys();
    if (this.#idsOf.size > REMEMBERED && oldest !== undefined) this.#idsOf.delete(oldest);
  }

  async claim(mapId: string, call: Call, chunks: readonly Chunk[]): Promise<boolean> {
    const all = await this.#list.all(`Map "${mapId}"`);
    const ids = (await recordedIds(mapId, all)) ?? this.#idsFor(call);
    const shards = those(ids, all, mapId);
    const byHome = Map.groupBy(chunks, ({ at }) => homeOf(jobIdOf(mapId, at), ids));
    const wereThere = await Promise.all(
      shards.map(async ({ id, gather, redis, keys }) => {
        const meta = keys.meta(mapId);
        // Written before the claim, so that no part exists without it, and again after it, since a map that begins anew
        // loses it.
        const record = (): Promise<unknown> => redis.hset(meta, "shards", ids.join(" "));
        await Promise.all([record(), redis.pexpire(meta, DURABLE_TTL_MS)]);
        const wasThere = await gather.durable.claim(mapId, call, byHome.get(id) ?? []);
        await record();
        return wasThere;
      }),
    );
    this.#remember(mapId, ids);
    return wereThere.includes(true);
  }

  async find(mapId: string): Promise<DurableMap> {
    const all = await this.#list.all(`Map "${mapId}"`);
    const ids = await recordedIds(mapId, all);
    if (ids === undefined) throw new UnknownMapError({ mapId });
    const looks = await Promise.allSettled(
      those(ids, all, mapId).map(({ gather }) => gather.durable.find(mapId)),
    );
    const found = looks.flatMap((look) => (look.status === "fulfilled" ? look.value : []));
    const refused = looks.find((look) => look.status === "rejected");
    const [first] = found;
    // If a shard has lost its part, the map's producer enqueues it there again.
    if (first === undefined || (refused !== undefined && !(refused.reason instanceof UnknownMapError))) {
      throw refused?.reason;
    }
    this.#remember(mapId, ids);
    return found.find(({ total }) => total !== undefined) ?? first;
  }

  async acknowledge(mapId: string): Promise<void> {
    const all = await this.#list.all(`To acknowledge map "${mapId}"`);
    await Promise.all(all.map(({ gather }) => gather.durable.acknowledge(mapId)));
  }

  /** The permits of a limit are on one shard, so all items to which a limit may apply are there. */
  #idsFor({ task, isLimited }: Call): readonly string[] {
    const ids = this.#list.ids ?? [];
    return isLimited === true || this.#mayBeLimited(task) ? ids.slice(0, 1) : ids;
  }
}

/** Gives the ids of the shards over which an existing map is spread; `undefined` if there is no such map. */
async function recordedIds(mapId: string, shards: readonly Shard[]): Promise<readonly string[] | undefined> {
  const records = await Promise.all(
    shards.map(async ({ id, redis, keys }) => {
      const [ids, task] = await redis.hmget(keys.meta(mapId), "shards", "task");
      return { id: id ?? "", ids, task };
    }),
  );
  const ids = records.find((record) => record.ids)?.ids;
  if (ids) return ids.split(" ");
  // A record without ids is of a map that was begun while the queue was on one Redis.
  const alone = records.filter(({ task }) => task).map(({ id }) => id);
  return alone.length === 0 ? undefined : alone;
}

/** Gives the shards with these ids. @throws IncompleteMapError if one of them is not a shard of the queue any more */
function those(ids: readonly string[], shards: readonly Shard[], mapId: string): Shard[] {
  const found = shards.filter(({ id }) => id !== undefined && ids.includes(id));
  if (found.length === ids.length) return found;
  throw new IncompleteMapError({
    mapId,
    reason: "a part of it is on a shard that was removed from the queue",
  });
}
