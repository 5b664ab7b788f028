/**
 * Tells a host that computes from one that no longer hears or is not heard: its descriptors were closed or replaced, its
 * globals were broken, its listeners were removed.
 *
 * Costs nothing while a host answers. Once one that has runs was silent from one tick to the next, its main thread is
 * asked to answer, and from then on its guard is asked at each tick how often the main thread's event loop has turned.
 *
 * - The loop does not turn: a function computes. That is fine; a time limit is the way to bound it.
 * - The loop turns, and still there is no answer: it is deaf.
 * - The guard does not answer either, for much longer: the process is stopped, or is no longer what we started.
 *
 * Ticks are counted instead of time, so that no host is ended because the whole machine was asleep.
 */

/** How often a host is asked, in ms. */
export const SIGN_OF_LIFE_TICK_MS = 1_000;

/** Turns of the loop, of which there are about four a second, within which it must have read our word. */
const MAX_DEAF_TURNS = 12;

/** Ticks after which a guard that says nothing counts as gone: even a machine that swaps lets it answer by then. */
const MAX_GUARD_TICKS = 30;

export type Silence =
  /** The host was heard, or there is no reason to ask it. */
  | "none"
  /** Ask its main thread and its guard. */
  | "ask"
  /** Ask its guard. */
  | "wait"
  /** Its main thread neither hears nor answers. */
  | "deaf"
  /** Not even its guard answers. */
  | "gone";

export class SignOfLife {
  #heard = false;
  #asked = false;
  #turns: number | undefined;
  #turnsWhenAsked: number | undefined;
  #guardTicks = 0;

  /** The main thread said something. */
  heard(): void {
    this.#heard = true;
  }

  /** The guard said how often the main thread's loop has turned. */
  guardHeard(turns: number): void {
    this.#guardTicks = 0;
    this.#turns = turns;
    if (this.#asked) this.#turnsWhenAsked ??= turns;
  }

  /** @param isBusy - it has runs, so that there is something to hear of it */
  tick(isBusy: boolean): Silence {
    if (this.#heard || !isBusy) {
      this.#heard = false;
      this.#asked = false;
      this.#turnsWhenAsked = undefined;
      this.#guardTicks = 0;
      return "none";
    }
    if (!this.#asked) {
      this.#asked = true;
      return "ask";
    }
    if (++this.#guardTicks > MAX_GUARD_TICKS) return "gone";
    const turned = (this.#turns ?? 0) - (this.#turnsWhenAsked ?? 0);
    return this.#turnsWhenAsked !== undefined && turned > MAX_DEAF_TURNS ? "deaf" : "wait";
  }
}
