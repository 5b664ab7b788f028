import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { sendBytes } from "./send-bytes.ts";

/** A Lua script, with the digest by which Redis remembers it. */
export interface Script {
  readonly lua: string;
  sha?: string;
}

/** Runs a script, which is sent as a whole only to a Redis that does not know it. */
export async function runScript(
  redis: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  if (script.sha !== undefined) {
    try {
      if (args.some((arg) => Buffer.isBuffer(arg))) {
        return await sendBytes(redis, "evalsha", [script.sha, keys.length, ...keys, ...args]);
      }
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      // A restarted Redis has forgotten its scripts.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    }
  }
  script.sha ??= createHash("sha1").update(script.lua).digest("hex");
  return await redis.eval(script.lua, keys.length, ...keys, ...args);
}
