/** A Lua script, run by the digest under which Redis remembers it. */

import { createHash } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

export class LuaScript {
  readonly #lua: string;
  #sha: string | undefined;

  constructor(lua: string) {
    this.#lua = lua;
  }

  async run(
    redis: Redis | Cluster,
    keys: readonly (string | number | Buffer)[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    if (this.#sha !== undefined) {
      try {
        return await redis.evalsha(this.#sha, keys.length, ...keys, ...args);
      } catch (error) {
        // A restarted Redis has forgotten its scripts.
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      }
    }
    this.#sha ??= createHash("sha1").update(this.#lua).digest("hex");
    return await redis.eval(this.#lua, keys.length, ...keys, ...args);
  }
}
