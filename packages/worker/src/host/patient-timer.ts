/**
 * A time limit for something that a host does. This process may have computed when the time was over: then what the
 * host said meanwhile lies unread in the pipe, and the host must not be blamed for it.
 */

/** A timer that fires so much too late, in ms, was held up by what this process did. */
const LATE_MS = 20;

/** How long this process then gets to read, in ms. */
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
