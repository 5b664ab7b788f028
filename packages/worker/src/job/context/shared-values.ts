/** Shared values on their way from Redis to the children: fetched once per machine, and kept while there is room. */

import type { KeptShares, SharedValue } from "./kept-shares.ts";

export class SharedValues {
  readonly #fetch: (id: string) => Promise<SharedValue | undefined>;
  readonly #kept: KeptShares;
  readonly #fetching = new Map<string, Promise<SharedValue | undefined>>();

  /**
   * @param fetch - from the Redis of the queue whose jobs need them
   * @param kept - by the machine, for all of its queues
   */
  constructor(fetch: (id: string) => Promise<SharedValue | undefined>, kept: KeptShares) {
    this.#fetch = fetch;
    this.#kept = kept;
  }

  /** Gives the value; `undefined` if Redis does not have it. */
  async get(id: string): Promise<SharedValue | undefined> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    let fetching = this.#fetching.get(id);
    if (fetching === undefined) {
      // The jobs that need it come in a burst; the first one fetches for all.
      fetching = this.#load(id).finally(() => this.#fetching.delete(id));
      this.#fetching.set(id, fetching);
    }
    return await fetching;
  }

  async #load(id: string): Promise<SharedValue | undefined> {
    const value = await this.#fetch(id);
    if (value !== undefined) this.#kept.add(id, value);
    return value;
  }
}
