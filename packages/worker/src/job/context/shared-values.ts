/** Shared values on their way from Redis to the children: fetched once per machine, and kept while there is room. */

import type { Payload } from "@poolmq/shared/internal";

import type { SharedMemory } from "../../pipe/pipe-messages.ts";

/** Kept encoded, beside what each child makes of it. */
const MAX_KEPT_BYTES = 512 * 1024 * 1024;

export interface SharedValue {
  readonly payload: Payload;
  /** That the payload names. */
  readonly bytes: Buffer | undefined;
  /** The value itself, in place of the payload: only threads see it. */
  readonly memory?: SharedMemory | undefined;
}

export class SharedValues {
  readonly #fetch: (id: string) => Promise<SharedValue | undefined>;
  readonly #onForgotten: (id: string) => void;
  /** In the order of their last use. */
  readonly #kept = new Map<string, SharedValue>();
  readonly #fetching = new Map<string, Promise<SharedValue | undefined>>();
  #bytes = 0;

  constructor(fetch: (id: string) => Promise<SharedValue | undefined>, onForgotten: (id: string) => void) {
    this.#fetch = fetch;
    this.#onForgotten = onForgotten;
  }

  /** Gives the value; `undefined` if Redis does not have it. */
  async get(id: string): Promise<SharedValue | undefined> {
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
    this.#bytes -= sizeOf(kept);
    this.#onForgotten(id);
  }

  async #load(id: string): Promise<SharedValue | undefined> {
    const value = await this.#fetch(id);
    if (value === undefined) return undefined;
    this.#kept.set(id, value);
    this.#bytes += sizeOf(value);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MAX_KEPT_BYTES || oldest === id) break;
      this.forget(oldest);
    }
    return value;
  }
}

function sizeOf({ payload, bytes }: SharedValue): number {
  return payload.length + (bytes?.length ?? 0);
}
