/**
 * Reads entries of streams so that no reply is larger than a given number of bytes. `XREAD` limits only the number of
 * entries, whose sizes are unknown; the script here measures them. An entry that is too large by itself comes in pieces.
 */

import type { Cluster, Redis } from "ioredis";

import { readOnce } from "../../redis/read-once.ts";

/**
 * KEYS: streams. ARGV: bytes, offset, then, for each stream, the id after which to read. Gives (place of the stream, id,
 * fields) of each entry. If the first is too large: its place, its id, the lengths of its fields, and a piece from the
 * offset on of all its fields together.
 */
const READ = `
local left, found = tonumber(ARGV[1]), {}
for place, key in ipairs(KEYS) do
  local after = ARGV[place + 2]
  while #found < 500 do
    local entry = redis.call('XRANGE', key, '(' .. after, '+', 'COUNT', 1)[1]
    if not entry then break end
    local size, lengths = 0, {}
    for i, field in ipairs(entry[2]) do
      size = size + #field
      lengths[i] = #field
    end
    if size > left then
      if #found > 0 then return found end
      return {{place, entry[1], lengths, string.sub(table.concat(entry[2]), ARGV[2] + 1, ARGV[2] + ARGV[1])}}
    end
    left = left - size
    after = entry[1]
    found[#found + 1] = {place, after, entry[2]}
  end
end
return found`;

/** An entry of a stream, in bytes. */
export interface StreamEntry {
  readonly id: Buffer;
  readonly fields: Buffer[];
}

type Found =
  | readonly [place: number, id: Buffer, fields: Buffer[]]
  | readonly [place: number, id: Buffer, lengths: number[], piece: Buffer];

/**
 * Gives the next entries by the place of their stream: as many as fit into one reply of `bytes`, and at least one if
 * there is any. Gives `undefined` if the connection was closed meanwhile, perhaps because the reply was too large.
 *
 * @param streams - key of each, and the id after which to read
 */
export async function readBounded(
  redis: Redis | Cluster,
  streams: readonly (readonly [key: string, after: string])[],
  bytes: number,
): Promise<ReadonlyMap<number, StreamEntry[]> | undefined> {
  const keys = streams.map(([key]) => key);
  const after = streams.map(([, id]) => id);
  const pieces: Buffer[] = [];
  for (let offset = 0; ;) {
    // The script is sent as text, not by its digest: it is needed seldom, and Redis may have forgotten it.
    const args = [READ, keys.length, ...keys, bytes, offset, ...after];
    const read = await readOnce(redis, "eval", args, keys[0] ?? "");
    if (read === undefined) return undefined;
    const found = read.reply as Found[];
    const [first] = found;
    const piece = first?.[3];
    if (first === undefined || piece === undefined) return byPlace(found as [number, Buffer, Buffer[]][]);
    pieces.push(piece);
    offset += piece.length;
    const lengths = first[2] as number[];
    const isWhole = piece.length === 0 || offset >= lengths.reduce((sum, length) => sum + length, 0);
    if (isWhole) return byPlace([[first[0], first[1], split(Buffer.concat(pieces), lengths)]]);
  }
}

function byPlace(found: readonly (readonly [number, Buffer, Buffer[]])[]): Map<number, StreamEntry[]> {
  const entries = new Map<number, StreamEntry[]>();
  for (const [place, id, fields] of found) {
    const others = entries.get(place - 1);
    if (others === undefined) entries.set(place - 1, [{ id, fields }]);
    else others.push({ id, fields });
  }
  return entries;
}

function split(whole: Buffer, lengths: readonly number[]): Buffer[] {
  let start = 0;
  return lengths.map((length) => whole.subarray(start, (start += length)));
}
