import { setTimeout as delay } from "node:timers/promises";

import type { ShardList } from "./shard-list.ts";
import { LOOK_MS } from "./shard.ts";
import type { Shard } from "./shard.ts";

/** Asks all shards that serve, and does not wait for one that falls silent meanwhile. */
export class EachShard {
  readonly #list: Pick<ShardList, "isClosed" | "joined" | "serving">;
  #asking = 0;

  constructor(list: Pick<ShardList, "isClosed" | "joined" | "serving">) {
    this.#list = list;
  }

  /** Whether an answer is outstanding, so that the shards must be watched. */
  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /**
   * Gives the answers of the shards that answered; waits until there is at least one.
   *
   * @throws the first shard's error, if all refused
   */
  async ask<V>(question: (shard: Shard) => Promise<V>): Promise<V[]> {
    this.#asking++;
    try {
      for (;;) {
        // The pool has ended and the connections are closed, so that each shard refuses, as a single Redis would.
        if (this.#list.isClosed) return await Promise.all(this.#list.joined.map(question));
        const asked = this.#list.serving.map(
          async (shard) => await shard.unlessSilent(question(shard).then((answer) => ({ answer }))),
        );
        const settled = await Promise.allSettled(asked);
        const given = settled.flatMap((one) => (one.status === "fulfilled" ? (one.value ?? []) : []));
        if (given.length > 0) return given.map(({ answer }) => answer);
        const refused = settled.find((one) => one.status === "rejected");
        if (refused !== undefined) throw refused.reason;
        await delay(LOOK_MS, undefined, { ref: false });
      }
    } finally {
      this.#asking--;
    }
  }
}
