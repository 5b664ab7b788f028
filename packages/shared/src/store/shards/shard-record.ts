/**
 * What a shard of a queue knows of itself and of the others: a hash at `<base>:shards`. A queue on one Redis has none.
 *
 * - `id`: its own name among the shards, which is made at random once. Shards are told apart by it, and not by their place
 *   in somebody's list of addresses.
 * - `ids`: those of all shards of the queue, sorted, with a space between them.
 * - `before`: the same as it was before `poolmq shards` changed it. Processes that still have that list may go on with it
 *   until the command is run again.
 */

import type { Cluster, Redis } from "ioredis";

import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";
import type { QueueKeys } from "../keys/keys.ts";

export interface ShardRecord {
  /** `undefined`: it has no name yet. */
  readonly id: string | undefined;
  /** Empty: nobody has agreed on anything yet. */
  readonly ids: readonly string[];
  readonly before: readonly string[];
}

/** KEYS: shards. ARGV: an id for the shard if it has none, or ""; the ids of all if it knows none, or "". Gives the record. */
const FOUND: Script = {
  lua: `
for i, field in ipairs({'id', 'ids'}) do
  if ARGV[i] ~= '' and redis.call('HEXISTS', KEYS[1], field) == 0 then
    redis.call('HSET', KEYS[1], field, ARGV[i])
  end
end
return redis.call('HMGET', KEYS[1], 'id', 'ids', 'before')`,
};

/** KEYS: shards. ARGV: id, ids, before or "". */
const WRITE: Script = {
  lua: `
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'ids', ARGV[2])
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], 'before') else redis.call('HSET', KEYS[1], 'before', ARGV[3]) end
return 1`,
};

/** Gives what a shard knows. Changes nothing. */
export async function readShardRecord(redis: Redis | Cluster, keys: QueueKeys): Promise<ShardRecord> {
  return toRecord(await redis.hmget(keys.shards, "id", "ids", "before"));
}

/** Writes a shard's id, and the ids of all, unless it has them already. Gives its record after that. */
export async function foundShardRecord(
  redis: Redis | Cluster,
  keys: QueueKeys,
  { id, ids = [] }: { readonly id: string; readonly ids?: readonly string[] },
): Promise<ShardRecord> {
  const reply = await runScript(redis, FOUND, [keys.shards], [id, ids.join(" ")]);
  return toRecord(reply as (string | null)[]);
}

/** Overwrites the record of a shard. */
export async function writeShardRecord(
  redis: Redis | Cluster,
  keys: QueueKeys,
  record: ShardRecord & { readonly id: string },
): Promise<void> {
  const { id, ids, before } = record;
  await runScript(redis, WRITE, [keys.shards], [id, ids.join(" "), before.join(" ")]);
}

function toRecord([id, ids, before]: readonly (string | null)[]): ShardRecord {
  return { id: id ?? undefined, ids: listOf(ids), before: listOf(before) };
}

function listOf(text: string | null | undefined): string[] {
  return text === null || text === undefined || text === "" ? [] : text.split(" ");
}
