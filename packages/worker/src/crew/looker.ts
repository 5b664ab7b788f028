/** The crew's clock. It calls the crew often, and tells it when to ask hosts for a sign of life. */

import { SIGN_OF_LIFE_TICK_MS } from "../host/sign-of-life.ts";

/** How often the crew looks for runs that wait behind a long one, and for hosts that are too large. */
const LOOK_MS = 20;

export class Looker {
  readonly #timer: NodeJS.Timeout;
  #looks = 0;

  constructor(look: (asksForSign: boolean) => void) {
    this.#timer = setInterval(() => look(++this.#looks % (SIGN_OF_LIFE_TICK_MS / LOOK_MS) === 0), LOOK_MS);
  }

  /** Sets whether it keeps this process alive, as it does at first. */
  ref(alive: boolean): void {
    this.#timer[alive ? "ref" : "unref"]();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
