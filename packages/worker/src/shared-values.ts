/** Shared values on their way from Redis to the children: fetched once per machine, and kept while there is room. */

import type { Payload } from "@poolmq/shared/internal";

/** Kept encoded, beside what each child makes of it. */
const MAX_KEPT_BYTES = 512 * 1024 * 1024;

export class SharedValues {
  readonly #fetch: (id: string) => Promise<Payload | null>;
  readonly #onForgotten: (id: string) => void;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Payload>();
  readonly #fetching = new Map<string, Promise<Payload | undefined>>();
  #bytes = 0;

  constructor(fetch: (id: string) => Promise<Payload | null>, onForgotten: (id: string) => void) {
    this.#fetch = fetch;
    this.#onForgotten = onForgotten;
  }

  /** Gives the payload; `undefined` if Redis does not have it. */
  async get(id: string): Promise<Payload | undefined> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      this.#kept.delete(id);
      this.#kept.set(id, kept);
      return kept;
    }
    let fetching = this.#fetching.get(id);
    if (fetching === undefined) {
      // The jobs that need it come in a burst; the first one fetches for all.
      fetching = this.#load(id).finally(() => this.#fetching.delete(id));
      this.#fetching.set(id, fetching);
    }
    return await fetching;
  }

  /** The value is gone: nobody will ask for it. */
  forget(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    this.#bytes -= kept.length;
    this.#onForgotten(id);
  }

  async #load(id: string): Promise<Payload | undefined> {
    const payload = await this.#fetch(id);
    if (payload === null) return undefined;
    this.#kept.set(id, payload);
    this.#bytes += payload.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MAX_KEPT_BYTES || oldest === id) break;
      this.forget(oldest);
    }
    return payload;
  }
}
