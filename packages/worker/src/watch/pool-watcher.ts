/**
 * Reads a queue that is spread over several Redis servers as one queue. If a server does not answer, the others are still
 * shown.
 */

import { mergeErrors, mergeViews } from "./merge-views.ts";
import type { ShardLook } from "./merge-views.ts";
import type { QueueWatcher } from "./queue-watcher.ts";
import type { ErrorsView, QueueView } from "./queue-view.ts";

/** A server that takes longer than this, in ms, is shown as not answering, and asked again the next time. */
const ANSWER_MS = 2_500;

/** Reads a queue on one shard. */
export type Watcher = Pick<QueueWatcher, "read" | "readOnce" | "errors">;

export interface WatchedShard {
  readonly address: string;
  /** `undefined` if the shard could not be reached. */
  readonly watcher: Watcher | undefined;
}

export class PoolWatcher implements Watcher {
  readonly #queue: string;
  readonly #shards: readonly WatchedShard[];

  constructor(queue: string, shards: readonly WatchedShard[]) {
    this.#queue = queue;
    this.#shards = shards;
  }

  async read(): Promise<QueueView> {
    return await this.#look((watcher) => watcher.read());
  }

  async readOnce(): Promise<QueueView> {
    return await this.#look((watcher) => watcher.readOnce());
  }

  async errors(mapId: string): Promise<ErrorsView | undefined> {
    const { maps } = await this.read();
    const map = maps.find(({ id }) => id === mapId);
    const asked = this.#shards.map(async ({ watcher }) => await inTime(watcher?.errors(mapId)));
    const told = (await Promise.all(asked)).filter((view) => view !== undefined);
    const isWhole = map !== undefined && (map.state !== "running" || map.producer.alive);
    return mergeErrors(told, isWhole);
  }

  async #look(step: (watcher: Watcher) => Promise<QueueView>): Promise<QueueView> {
    const looks = await Promise.all(
      this.#shards.map(async ({ address, watcher }): Promise<ShardLook> => {
        return { address, view: await inTime(watcher === undefined ? undefined : step(watcher)) };
      }),
    );
    const view = mergeViews(this.#queue, looks);
    if (view === undefined) throw new Error(`None of ${this.#shards.length} Redis servers answers`);
    return view;
  }
}

/** Gives `undefined` if the answer fails or takes too long. */
async function inTime<V>(answer: Promise<V> | undefined): Promise<V | undefined> {
  if (answer === undefined) return undefined;
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ANSWER_MS, undefined);
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
