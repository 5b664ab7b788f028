/**
 * Tells a host that computes from one that can no longer receive or send, because its descriptors were closed or
 * replaced, its globals were broken, or its listeners were removed.
 *
 * It costs nothing while a host sends messages. If a host with runs was silent for a whole tick, its main thread is asked
 * to answer, and from then on its guard is asked at each tick how often the main thread's event loop has turned.
 *
 * - The loop does not turn: a function computes. That is allowed; `taskTimeoutMs` bounds it. After some seconds, and
 *   ever more rarely after that, it is checked whether the function is of an item that still runs.
 * - The loop turns, and still there is no answer: the host is deaf.
 * - The guard does not answer either, for much longer: the process is stopped, or runs another program by now.
 *
 * Ticks are counted instead of time, so that no host is ended because the whole machine was asleep.
 */

/** How often a host is asked, in ms. */
export const SIGN_OF_LIFE_TICK_MS = 1_000;

/** After this many turns, of which about four a second are counted, the host must have read the question. */
const MAX_DEAF_TURNS = 12;

/**
 * Ticks for which the loop must have stood still before it is looked at what computes; then twice as many, and so on,
 * because each look stops the main thread for a moment.
 */
const FIRST_LOOK_TICKS = 3;

/** Ticks after which a silent guard counts as gone. Even on a machine that swaps, it answers by then. */
const MAX_GUARD_TICKS = 30;

export type Silence =
  /** The host sent a message, or has no runs. */
  | "none"
  /** Ask its main thread and its guard. */
  | "ask"
  /** Ask its guard. */
  | "wait"
  /** The same, and its main thread has been computing for long. */
  | "computes"
  /** Its main thread does not answer although its loop turns. */
  | "deaf"
  /** Not even its guard answers. */
  | "gone";

export class SignOfLife {
  #heard = false;
  #asked = false;
  #turns: number | undefined;
  #turnsWhenAsked: number | undefined;
  #guardTicks = 0;
  /** Turns at the last tick, and for how many ticks they have been the same. */
  #turnsBefore: number | undefined;
  #stillTicks = 0;
  #nextLook = FIRST_LOOK_TICKS;

  /** Notes a message of the main thread. */
  heard(): void {
    this.#heard = true;
  }

  /** Notes how often the main thread's loop has turned, as the guard reported. */
  guardHeard(turns: number): void {
    this.#guardTicks = 0;
    this.#turns = turns;
    if (this.#asked) this.#turnsWhenAsked ??= turns;
  }

  /** @param isBusy - it has runs, so that it should send messages */
  tick(isBusy: boolean): Silence {
    if (this.#heard || !isBusy) {
      this.#heard = false;
      this.#asked = false;
      this.#turnsWhenAsked = undefined;
      this.#guardTicks = 0;
      this.#moved();
      return "none";
    }
    if (!this.#asked) {
      this.#asked = true;
      return "ask";
    }
    if (++this.#guardTicks > MAX_GUARD_TICKS) return "gone";
    const turned = (this.#turns ?? 0) - (this.#turnsWhenAsked ?? 0);
    if (this.#turnsWhenAsked !== undefined && turned > MAX_DEAF_TURNS) return "deaf";
    if (this.#turns !== this.#turnsBefore) this.#moved();
    else if (++this.#stillTicks === this.#nextLook) {
      this.#nextLook *= 2;
      return "computes";
    }
    return "wait";
  }

  #moved(): void {
    this.#turnsBefore = this.#turns;
    this.#stillTicks = 0;
    this.#nextLook = FIRST_LOOK_TICKS;
  }
}
