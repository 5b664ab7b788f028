/**
 * Limits how many calls of a pool are under way at a time. Each call is a map, which costs some kilobytes here and some
 * keys in Redis. A program that makes 100,000 calls at once would run out of memory, whereas one map of as many items is
 * bounded by its window. Further calls wait in line, and hold little memory.
 */

/** A call that waits for its turn. */
interface Waiting {
  begin(): void;
}

/** At least this many calls may be under way. With more than a thousand, a small fleet is no faster. */
const MIN_CALLS = 1_000;
/** On a large fleet, this many calls may be under way for each item that it can run at a time. */
const CALLS_PER_PLACE = 4;

export class CallLine {
  readonly #places: () => number;
  readonly #waiting = new Set<Waiting>();
  /** Kept between calls, because a new iterator would walk over all entries that were removed from the line. */
  #turns = this.#waiting.values();
  #underWay = 0;
  #isMoving = false;

  /** @param places - gives how many items the workers run at a time, as far as that is known */
  constructor(places: () => number) {
    this.#places = places;
  }

  /** Whether a new call has to wait, because there is no place, or others wait already. */
  get isFull(): boolean {
    return this.#waiting.size > 0 || !this.#hasPlace;
  }

  get #hasPlace(): boolean {
    return this.#underWay < MIN_CALLS || this.#underWay < CALLS_PER_PLACE * this.#places();
  }

  wait(call: Waiting): void {
    this.#waiting.add(call);
  }

  /** Removes a call from the line, because it was cancelled. */
  giveUp(call: Waiting): void {
    this.#waiting.delete(call);
  }

  /** Counts a call that is under way. */
  enter(): void {
    this.#underWay++;
  }

  /**
   * Notes that a call has ended. The next one begins a moment later and not at once: when a pool ends, all its calls end
   * in one loop, in the middle of which none may begin.
   */
  leave(): void {
    this.#underWay--;
    if (this.#isMoving || this.#waiting.size === 0) return;
    this.#isMoving = true;
    queueMicrotask(() => {
      this.#isMoving = false;
      this.#beginNext();
    });
  }

  #beginNext(): void {
    while (this.#hasPlace && this.#waiting.size > 0) {
      const { value: next, done } = this.#turns.next();
      if (done === true) this.#turns = this.#waiting.values();
      else {
        this.#waiting.delete(next);
        next.begin();
      }
    }
  }
}
