/** The crew's clock. It calls the crew often while hosts have runs, and tells it when to ask hosts for a sign of life. */

import { clearInterval, setImmediate, setInterval } from "node:timers";

import { SIGN_OF_LIFE_TICK_MS } from "../host/sign-of-life.ts";

/**
 * How often the crew looks, in ms. Each look wakes the process up, and takes a core away from functions that compute.
 *
 * - `often`: runs may wait behind a long one, or hosts become too large.
 * - `calm`: hosts have runs, but none waits, or only behind others that take a few ms. What such hosts say is read by then.
 * - `rest`: no host has a run. To wake up is most of what an idle machine would use of its CPU time.
 */
const LOOK_MS = { often: 20, calm: 50, rest: 250 } as const;

export type LookPace = keyof typeof LOOK_MS;

export class Looker {
  readonly #read: () => boolean;
  readonly #look: (asksForSign: boolean) => LookPace;
  #timer: NodeJS.Timeout;
  #pace: LookPace = "often";
  #keepsAlive = true;
  /** For how long it has been looking since it asked for a sign of life, in ms. */
  #lookedMs = 0;
  #isReading = false;

  /**
   * @param read - reads the messages that have waited of some hosts, and gives whether there are such hosts
   * @param look - gives how soon the next look is to come
   */
  constructor(read: () => boolean, look: (asksForSign: boolean) => LookPace) {
    this.#read = read;
    this.#look = look;
    this.#timer = setInterval(this.#tick, LOOK_MS.often);
  }

  /** Whether messages that have waited were read in this turn of the event loop: many come at once. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Looks often again, because there is a run. @param waits - whether it waits for a host */
  wake(waits: boolean): void {
    if (this.#pace === "rest" || (waits && this.#pace === "calm")) this.#turn("often");
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
    this.#isReading = this.#read();
    if (this.#isReading) setImmediate(this.#endRead);
    this.#lookedMs += LOOK_MS[this.#pace];
    const isDue = this.#lookedMs >= SIGN_OF_LIFE_TICK_MS;
    if (isDue) this.#lookedMs = 0;
    // At rest, every look asks: hosts that have no runs are let off a sign of life that they still owe.
    const pace = this.#look(isDue || this.#pace === "rest");
    if (pace !== this.#pace) this.#turn(pace);
  };

  readonly #endRead = (): void => {
    this.#isReading = false;
  };

  #turn(pace: LookPace): void {
    clearInterval(this.#timer);
    if (pace === "rest" || this.#pace === "rest") this.#lookedMs = 0;
    this.#pace = pace;
    this.#timer = setInterval(this.#tick, LOOK_MS[pace]);
    this.ref(this.#keepsAlive);
  }
}
