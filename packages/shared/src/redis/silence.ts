/** A server that was slow before may stay silent up to so many times as long as one that was not. */
const MOST_TIMES = 4;

/**
 * With each sign of life, this part is kept of the longest pause that the server had lately. At four signs a second, half of it
 * is forgotten after a quarter of a minute.
 */
const KEPT = 0.99;

/**
 * Decides when a server that owes an answer counts as silent: after some looks without a sign of life. A server that is only
 * slow, because it has much to do or little of a processor, is given as many times longer as its longest pauses were lately.
 * Looks are counted and not time, because after a pause of this process itself the answers have arrived by the next look.
 */
export class Silence {
  readonly #looks: number;
  /** Looks since the last sign of life. */
  #missed = 0;
  /** The most looks that lay between two signs of life lately: 1 for a server that answers at once. */
  #usual = 1;

  /** @param looks - so many looks without a sign of life are no silence yet, if the server answers at once otherwise */
  constructor(looks: number) {
    this.#looks = looks;
  }

  get isSilent(): boolean {
    return this.#missed > this.#looks * this.#usual;
  }

  /** To be called at regular times, while an answer is owed. @param hasHeard - something came since the last look */
  look(hasHeard: boolean): void {
    if (hasHeard) this.#learn();
    this.#missed++;
  }

  /** The server has answered, and owes nothing. */
  answered(): void {
    this.#learn();
  }

  /** No answer is waited for. */
  rest(): void {
    this.#missed = 0;
  }

  #learn(): void {
    // After a longer pause it was away: that says nothing of how fast it is.
    const pause = this.#missed > this.#looks * MOST_TIMES ? 1 : Math.min(MOST_TIMES, this.#missed);
    this.#usual = Math.max(pause, this.#usual * KEPT, 1);
    this.#missed = 0;
  }
}
