import { clearTimeout, setTimeout } from "node:timers";

/**
 * How long to wait for a first outcome, in ms, while the chunk size is a guess and a few jobs were sent. The first jobs
 * of a tiny function come back within a few ms, and the others then travel in chunks. For a long function, waiting longer
 * is useless.
 */
const GUESS_MS = 25;

/** Waits until a chunk of a size that was not measured yet has come back. */
export class FirstOutcome {
  #awaited: { readonly items: number; readonly resolve: () => void } | undefined;

  /** Waits for the outcome of a chunk of at least `items` items, the end, or `GUESS_MS`, whichever comes first. */
  async wait(items: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { items, resolve };
    const timer = setTimeout(resolve, GUESS_MS);
    await promise;
    clearTimeout(timer);
    this.#awaited = undefined;
  }

  /** Notes the outcome of a chunk of `items` items. */
  came(items: number): void {
    if (this.#awaited !== undefined && items >= this.#awaited.items) this.#awaited.resolve();
  }

  /** Ends the wait, because the map has ended. */
  stop(): void {
    this.#awaited?.resolve();
  }
}
