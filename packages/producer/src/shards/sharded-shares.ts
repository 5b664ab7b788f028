import type { Shares } from "../gather/shares.ts";
import type { ShardList } from "./shard-list.ts";
import type { Shard } from "./shard.ts";

type Sent = Parameters<Shares["send"]>;

/** Values that many items use, on every shard: an item looks for them where its job is. */
export class ShardedShares implements Pick<Shares, "send" | "release"> {
  readonly #list: Pick<ShardList, "joined">;
  /** For shards that are not there yet. */
  readonly #values = new Map<string, Sent>();

  constructor(list: Pick<ShardList, "joined">) {
    this.#list = list;
  }

  /** A shard that is silent gets it before it gets jobs again. */
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

  /** A shard is there that was not before. */
  joined({ gather }: Shard): void {
    for (const sent of this.#values.values()) gather.shares.send(...sent).catch(() => {}); // whoever misses it asks for it again
  }
}
