import { setTimeout as delay } from "node:timers/promises";

import type { ShardList } from "./shard-list.ts";
import { LOOK_MS } from "./shard.ts";
import type { Shard } from "./shard.ts";

/** Asks the shards that serve, and waits for none that falls silent meanwhile. */
export class EachShard {
  readonly #list: Pick<ShardList, "isClosed" | "joined" | "serving">;
  #asking = 0;

  constructor(list: Pick<ShardList, "isClosed" | "joined" | "serving">) {
    this.#list = list;
  }

  /** Whether an answer is waited for: somebody has to look whether the shards are there. */
  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /**
   * Gives the answers of those that answered: at least one, however long it takes.
   *
   * @throws what the first one refused with, if all refused
   */
  async ask<V>(question: (shard: Shard) => Promise<V>): Promise<V[]> {
    this.#asking++;
    try {
      for (;;) {
        // Their connections are closed: each refuses, as one Redis does.
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
