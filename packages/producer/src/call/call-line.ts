/**
 * How many calls of a pool are under way at a time. Each has a map of its own, which costs some kilobytes here and some
 * keys in Redis: a program that makes 100,000 calls at once would run out of memory, where one map of as many items is
 * bounded by its window. Calls that find no place wait in line, and hold little.
 */

/** A call that waits for its turn. */
interface Waiting {
  begin(): void;
}

/** So many calls may be under way in any case: beyond a thousand, they are no faster for it. */
const MIN_CALLS = 1_000;
/** A large fleet is kept busy by calls alone: so many wait for each item that it can run at a time. */
const CALLS_PER_PLACE = 4;

export class CallLine {
  readonly #places: () => number;
  readonly #waiting = new Set<Waiting>();
  /** Goes on where it stands: a new iterator would walk over the places of those that have left the line. */
  #turns = this.#waiting.values();
  #underWay = 0;
  #isMoving = false;

  /** @param places - how many items the workers run at a time, as far as that is known */
  constructor(places: () => number) {
    this.#places = places;
  }

  /** Whether a new call has to wait: there is no place, or others wait for it. */
  get isFull(): boolean {
    return this.#waiting.size > 0 || !this.#hasPlace;
  }

  get #hasPlace(): boolean {
    return this.#underWay < MIN_CALLS || this.#underWay < CALLS_PER_PLACE * this.#places();
  }

  wait(call: Waiting): void {
    this.#waiting.add(call);
  }

  /** The call waits no more: it was cancelled. */
  giveUp(call: Waiting): void {
    this.#waiting.delete(call);
  }

  /** A call is under way. */
  enter(): void {
    this.#underWay++;
  }

  /**
   * A call has ended: the next one begins, in a moment. Not at once: when a pool ends, all its calls end in one loop, and
   * none of them may begin in the middle of it.
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
