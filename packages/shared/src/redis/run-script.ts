import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { sendBytes } from "./send-bytes.ts";

/** A Lua script, with the digest by which Redis remembers it. */
export interface Script {
  readonly lua: string;
  sha?: string;
}

/**
 * Buffers from this size on are written to the socket separately, because joining them with the rest would copy them.
 */
const LARGE_BYTES = 4 * 1024;

/**
 * Runs a script by its digest. Its text is sent only to a Redis that does not know it: the first time, and after a
 * restart, a failover or SCRIPT FLUSH.
 */
export async function runScript(
  redis: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  if (script.sha !== undefined) {
    try {
      if (args.some((arg) => Buffer.isBuffer(arg) && arg.length >= LARGE_BYTES)) {
        return await sendBytes(redis, "evalsha", [script.sha, keys.length, ...keys, ...args]);
      }
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
    }
  }
  script.sha ??= createHash("sha1").update(script.lua).digest("hex");
  return await redis.eval(script.lua, keys.length, ...keys, ...args);
}

/** Whether Redis refused a command because it does not know the script that it names. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
