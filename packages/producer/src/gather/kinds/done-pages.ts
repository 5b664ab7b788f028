import { donePageOf } from "@poolmq/shared/redis";

/** The pages of a map's bitmap that have bits and were not removed yet. */
export class DonePages {
  readonly #pages = new Set<number>();
  #newest = 0;

  /** Notes the outcome of a chunk that begins at this index. */
  came(index: number): void {
    const page = donePageOf(index);
    if (page === 0) return;
    this.#pages.add(page);
    this.#newest = Math.max(this.#newest, page);
  }

  /**
   * Gives each page of which no chunk is under way any more, once. The newest page stays, because more of its chunks will
   * follow.
   *
   * @param underWay - gives the first indices of the chunks that are under way; called only if there may be such a page
   */
  takePast(underWay: () => readonly number[]): number[] {
    if (this.#pages.size < 2) return [];
    const inUse = new Set(underWay().map(donePageOf)).add(this.#newest);
    const past = [...this.#pages].filter((page) => !inUse.has(page));
    for (const page of past) this.#pages.delete(page);
    return past;
  }

  /** Gives all of them. */
  get all(): readonly number[] {
    return [...this.#pages];
  }
}
