/** Shared values on their way from Redis to the children: fetched once per machine, and kept while there is room. */

import type { KeptShares, SharedValue } from "./kept-shares.ts";

export class SharedValues {
  readonly #fetch: (id: string) => Promise<SharedValue | undefined>;
  readonly #kept: KeptShares;
  readonly #fetching = new Map<string, Promise<SharedValue | undefined>>();

  /**
   * @param fetch - reads a value from the Redis of the jobs that need it
   * @param kept - the values that the machine keeps, for all of its shards
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
      // Jobs that need the value come in a burst; the first one fetches it for all.
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
