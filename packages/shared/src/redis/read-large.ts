import type { Cluster, Redis } from "ioredis";

import { readOnce } from "./read-once.ts";

/** ARGV: offset, bytes, `get` or `hget`, field. Gives a piece of the value; `false` if there is none. */
const READ_PIECE = `
local value = redis.call(ARGV[3], KEYS[1], unpack(ARGV, 4))
return value and string.sub(value, ARGV[1] + 1, ARGV[1] + ARGV[2])`;

const FIRST_PIECE_BYTES = 4 * 1024 * 1024;
/** Pieces do not become smaller than this: a server that refuses even these can't be used. */
const LEAST_PIECE_BYTES = 16 * 1024;

/**
 * Reads a string, or a field of a hash, as bytes. From a server that closes the connection because the reply is too
 * large, it is read in pieces. Gives `null` if it is not there.
 */
export async function readLarge(
  redis: Redis | Cluster,
  command: "get" | "hget",
  key: string,
  ...field: readonly string[]
): Promise<Buffer | null> {
  const read = await readOnce(redis, command, [key, ...field], key, true);
  if (read !== undefined) return read.reply as Buffer | null;
  const pieces: Buffer[] = [];
  for (let size = FIRST_PIECE_BYTES, offset = 0; ;) {
    const args = [READ_PIECE, 1, key, offset, size, command, ...field];
    const part = await readOnce(redis, "eval", args, key);
    if (part === undefined) {
      size = Math.max(LEAST_PIECE_BYTES, size / 4);
      continue;
    }
    const piece = part.reply as Buffer | null;
    if (piece === null) return null;
    pieces.push(piece);
    offset += piece.length;
    if (piece.length < size) return Buffer.concat(pieces);
  }
}
