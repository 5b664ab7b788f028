/**
 * Reads a queue that is spread over several Redis servers as one queue. If a server does not answer, the others are still
 * shown.
 */

import { mergeErrors, mergeViews } from "./merge-views.ts";
import type { ShardLook } from "./merge-views.ts";
import type { QueueWatcher } from "./queue-watcher.ts";
import type { ErrorsView, QueueView } from "./queue-view.ts";
import { ShardAnswers } from "./shard-answers.ts";

/** Reads a queue on one shard. */
export type Watcher = Pick<QueueWatcher, "read" | "readOnce" | "errors">;

export interface WatchedShard {
  readonly address: string;
  /** `undefined`: it was not reached (yet). */
  readonly watcher: Watcher | undefined;
}

export class PoolWatcher implements Watcher {
  readonly #queue: string;
  readonly #shards: readonly WatchedShard[];
  readonly #answers = new ShardAnswers<WatchedShard>();

  constructor(queue: string, shards: readonly WatchedShard[]) {
    this.#queue = queue;
    this.#shards = shards;
  }

  async read(): Promise<QueueView> {
    if (this.#only !== undefined) return await this.#only.read();
    return await this.#look((watcher) => watcher.read());
  }

  async readOnce(): Promise<QueueView> {
    if (this.#only !== undefined) return await this.#only.readOnce();
    return await this.#look((watcher) => watcher.readOnce());
  }

  async errors(mapId: string): Promise<ErrorsView | undefined> {
    if (this.#only !== undefined) return await this.#only.errors(mapId);
    const { maps } = await this.read();
    const map = maps.find(({ id }) => id === mapId);
    const asked = await this.#answers.ask(this.#shards, async ({ watcher }) => await watcher?.errors(mapId));
    const told = asked.filter((view) => view !== undefined);
    const isWhole = map !== undefined && (map.state !== "running" || map.producer.alive);
    return mergeErrors(told, isWhole);
  }

  /** Of a queue on one Redis, which is told of as such, and whose errors are those of the queue. */
  get #only(): Watcher | undefined {
    return this.#shards.length === 1 ? this.#shards[0]?.watcher : undefined;
  }

  async #look(step: (watcher: Watcher) => Promise<QueueView>): Promise<QueueView> {
    const views = await this.#answers.ask(
      this.#shards,
      async ({ watcher }) => watcher && (await step(watcher)),
    );
    const looks = this.#shards.map(({ address }, at): ShardLook => ({ address, view: views[at] }));
    const view = mergeViews(this.#queue, looks);
    if (view === undefined) throw new Error(`None of ${this.#shards.length} Redis servers answers`);
    return view;
  }
}
