/**
 * While the chunk size is a guess, a few jobs are sent, and no more for so long unless one of them comes back. The first
 * jobs of a tiny function come back within a few ms, and the others then travel in chunks. For those of a long function
 * there is no need to wait longer.
 */
const GUESS_MS = 25;

/** Waits until a chunk of a size that was not measured yet has come back. */
export class FirstOutcome {
  #awaited: { readonly items: number; readonly resolve: () => void } | undefined;

  /** Waits for the outcome of a chunk of at least so many items, the end, or `GUESS_MS`, whichever comes first. */
  async wait(items: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { items, resolve };
    const timer = setTimeout(resolve, GUESS_MS);
    await promise;
    clearTimeout(timer);
    this.#awaited = undefined;
  }

  /** The outcome of a chunk of so many items came in. */
  came(items: number): void {
    if (this.#awaited !== undefined && items >= this.#awaited.items) this.#awaited.resolve();
  }

  /** The map has ended. */
  stop(): void {
    this.#awaited?.resolve();
  }
}
