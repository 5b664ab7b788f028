import { donePageOf } from "@poolmq/shared/redis";

/** The pages of a map's bitmap in which outcomes have come in, and which nobody has removed yet. */
export class DonePages {
  readonly #pages = new Set<number>();
  #newest = 0;

  /** The outcome of a chunk that begins there has come in. */
  came(index: number): void {
    const page = donePageOf(index);
    if (page === 0) return;
    this.#pages.add(page);
    this.#newest = Math.max(this.#newest, page);
  }

  /**
   * Gives pages of which no chunk is under way any more, once. The newest stays: more chunks of it will follow.
   *
   * @param underWay - first indices of the chunks that are under way; asked for only if there may be such a page
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
