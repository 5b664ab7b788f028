/**
 * A time limit for something that a host does. If this process was busy when the time was over, the host's messages may
 * be unread in the pipe, and the host must not be blamed for that.
 */

import { clearTimeout, setTimeout } from "node:timers";

/** If a timer fires this much too late, in ms, this process was busy. */
const LATE_MS = 20;

/** How long to go on reading then, in ms. */
const READING_MS = 50;

export class PatientTimer {
  #timer: NodeJS.Timeout;

  /** Calls `onEnd` after `ms`, unless it is cleared before. By itself it does not keep this process alive. */
  constructor(ms: number, onEnd: () => void) {
    const due = performance.now() + ms;
    const onTime = (): void => {
      if (performance.now() - due < LATE_MS) return onEnd();
      this.#timer = setTimeout(onEnd, READING_MS).unref();
    };
    this.#timer = setTimeout(onTime, ms).unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
