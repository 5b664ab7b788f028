/** The crew's clock. It calls the crew often while hosts have runs, and tells it when to ask hosts for a sign of life. */

import { clearInterval, setInterval } from "node:timers";

import { SIGN_OF_LIFE_TICK_MS } from "../host/sign-of-life.ts";

/** How often the crew looks for runs that wait behind a long one, and for hosts that are too large. */
const LOOK_MS = 20;

/**
 * How often it looks while no host has a run. Each look wakes the process up, which is most of what an idle machine would
 * use of its CPU time, and only the hosts' memory is left to be looked at.
 */
const REST_MS = 250;

export class Looker {
  readonly #look: (asksForSign: boolean) => boolean;
  #timer: NodeJS.Timeout;
  #isResting = false;
  #keepsAlive = true;
  #looks = 0;

  /** @param look - gives whether there are runs; if not, the next look comes later */
  constructor(look: (asksForSign: boolean) => boolean) {
    this.#look = look;
    this.#timer = setInterval(this.#tick, LOOK_MS);
  }

  /** Looks often again, because there is a run. */
  wake(): void {
    if (this.#isResting) this.#rest(false);
  }

  /** Sets whether it keeps this process alive, as it does at first. */
  ref(alive: boolean): void {
    this.#keepsAlive = alive;
    this.#timer[alive ? "ref" : "unref"]();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #tick = (): void => {
    const isDue = ++this.#looks % (SIGN_OF_LIFE_TICK_MS / LOOK_MS) === 0;
    // At rest, every look asks: hosts that have no runs are let off a sign of life that they still owe.
    const rests = !this.#look(isDue || this.#isResting);
    if (rests !== this.#isResting) this.#rest(rests);
  };

  #rest(rests: boolean): void {
    clearInterval(this.#timer);
    this.#isResting = rests;
    this.#looks = 0;
    this.#timer = setInterval(this.#tick, rests ? REST_MS : LOOK_MS);
    this.ref(this.#keepsAlive);
  }
}
