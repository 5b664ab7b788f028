import type { Shares } from "../gather/shares.ts";
import type { ShardList } from "./shard-list.ts";
import type { Shard } from "./shard.ts";

type Sent = Parameters<Shares["send"]>;

/** Shared values, on every shard, because machines look for them where the job is. */
export class ShardedShares implements Pick<Shares, "send" | "release"> {
  readonly #list: Pick<ShardList, "joined">;
  /** Kept for shards that do not answer yet. */
  readonly #values = new Map<string, Sent>();

  constructor(list: Pick<ShardList, "joined">) {
    this.#list = list;
  }

  /** Sends a value to all shards. A silent shard gets it before it gets jobs again. */
  async send(...sent: Sent): Promise<void> {
    this.#values.set(sent[0], sent);
    await Promise.all(
      this.#list.joined.map((shard) => shard.unlessSilent(shard.gather.shares.send(...sent))),
    );
  }

  async release(shareIds: readonly string[] = [...this.#values.keys()]): Promise<void> {
    for (const id of shareIds) this.#values.delete(id);
    await Promise.all(
      this.#list.joined.map((shard) => shard.unlessSilent(shard.gather.shares.release(shareIds))),
    );
  }

  /** Sends all values to a shard that answers for the first time. */
  joined({ gather }: Shard): void {
    for (const sent of this.#values.values()) gather.shares.send(...sent).catch(() => {}); // sent again when a job misses it
  }
}
