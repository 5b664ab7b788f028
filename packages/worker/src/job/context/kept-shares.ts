/** The shared values that a machine keeps, encoded: as many of those used last as there is room for. */

import type { Payload } from "@poolmq/shared/internal";

import type { SharedMemory } from "../../pipe/pipe-messages.ts";

/** The most bytes that are kept. Each child has a decoded copy in addition. */
const MAX_KEPT_BYTES = 512 * 1024 * 1024;

export interface SharedValue {
  readonly payload: Payload;
  /** The bytes that the payload names. */
  readonly bytes: Buffer | undefined;
  /** The value itself, in place of the payload, for threads, which share this process's memory. */
  readonly memory?: SharedMemory | undefined;
}

export class KeptShares {
  readonly #onForgotten: (id: string) => void;
  /** In the order of their last use. */
  readonly #values = new Map<string, SharedValue>();
  #bytes = 0;

  constructor(onForgotten: (id: string) => void) {
    this.#onForgotten = onForgotten;
  }

  get(id: string): SharedValue | undefined {
    const kept = this.#values.get(id);
    if (kept === undefined) return undefined;
    this.#values.delete(id);
    this.#values.set(id, kept);
    return kept;
  }

  add(id: string, value: SharedValue): void {
    // Two shards may have brought the same value at the same time.
    if (this.#values.has(id)) return;
    this.#values.set(id, value);
    this.#bytes += sizeOf(value);
    for (const oldest of this.#values.keys()) {
      if (this.#bytes <= MAX_KEPT_BYTES || oldest === id) break;
      this.forget(oldest);
    }
  }

  /** Removes a value that nobody will ask for again. */
  forget(id: string): void {
    const kept = this.#values.get(id);
    if (kept === undefined) return;
    this.#values.delete(id);
    this.#bytes -= sizeOf(kept);
    this.#onForgotten(id);
  }
}

function sizeOf({ payload, bytes }: SharedValue): number {
  return payload.length + (bytes?.length ?? 0);
}
