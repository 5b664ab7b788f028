/**
 * Claims the items of a run, so that those that have not begun can be given to others meanwhile. To claim one costs more
 * than a trivial item takes, so items are claimed in blocks: one that was over within a millisecond is followed by one of
 * four times the size, a slow one by a single item.
 */

import { performance } from "node:perf_hooks";

const BLOCK_MS = 1;
const GROWTH = 4;

/** Claims the items up to `to`, having claimed those up to `from`. False if the others were given away. */
export type Claim = (from: number, to: number) => boolean;

export class ItemClaims {
  readonly #claim: Claim | undefined;
  readonly #count: number;
  #block = 1;
  #since: number;
  /** Items from this offset on may not begin yet. The first one may. */
  limit: number;

  /** @param claim - absent: all items may begin */
  constructor(count: number, claim: Claim | undefined) {
    this.#claim = claim;
    this.#count = count;
    this.limit = claim === undefined ? count : 1;
    this.#since = claim === undefined ? 0 : performance.now();
  }

  /** Whether the item at this offset may begin; if not, no further one may. */
  has(offset: number): boolean {
    return offset < this.limit || this.#claimMore();
  }

  #claimMore(): boolean {
    if (this.#claim === undefined || this.limit >= this.#count) return false;
    const now = performance.now();
    const isSlow = now - this.#since > BLOCK_MS;
    this.#since = now;
    this.#block = isSlow ? 1 : this.#block * GROWTH;
    const to = Math.min(this.#count, this.limit + this.#block);
    if (!this.#claim(this.limit, to)) return false;
    this.limit = to;
    return true;
  }
}
