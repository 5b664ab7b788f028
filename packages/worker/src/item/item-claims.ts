/**
 * Claims the items of a run before they begin, so that the others can be given to other hosts meanwhile. A claim costs
 * more than a trivial item, so items are claimed in blocks: after a block that took less than a millisecond comes one of
 * four times the size, and after a slow one a single item.
 */

import { performance } from "node:perf_hooks";

const BLOCK_MS = 1;
const GROWTH = 4;

/** Claims the items from `from` up to `to`. False if they were taken back. */
export type Claim = (from: number, to: number) => boolean;

export class ItemClaims {
  readonly #claim: Claim | undefined;
  readonly #count: number;
  #block = 1;
  #since: number;
  /** Items from this offset on are not claimed yet. The first item always is. */
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
