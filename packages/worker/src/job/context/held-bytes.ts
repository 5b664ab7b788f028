/**
 * How many bytes of large arguments and outcomes a machine holds. Jobs are fetched by their number, ahead of what runs, and
 * nobody knows before how large they are: without this, some hundred tiny jobs that turn into large ones would fill the
 * memory. A job whose arguments would be too much waits before they are read, and runs begin only while there is room for
 * what they give. No job is lost meanwhile: while one waits, its lock is renewed.
 */
export class HeldBytes {
  readonly #max: number;
  #held = 0;
  /** Jobs that wait for room, oldest first. */
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** True if no run may begin. */
  get isFull(): boolean {
    return this.#held >= this.#max;
  }

  /** Takes room for `bytes`, in the order of the calls. A job that needs more than all room there is has it alone. */
  async take(bytes: number): Promise<void> {
    if (this.#waiting.length > 0 || !this.#hasRoom(bytes)) {
      await new Promise<void>((go) => void this.#waiting.push({ bytes, go }));
    } else this.#held += bytes;
  }

  /** Counts bytes that can't wait: those of an outcome, which is to be published. */
  add(bytes: number): void {
    this.#held += bytes;
  }

  /** Gives room back. */
  give(bytes: number): void {
    this.#held -= bytes;
    for (
      let [next] = this.#waiting;
      next !== undefined && this.#hasRoom(next.bytes);
      [next] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.go();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#held === 0 || (this.#held < this.#max && this.#held + bytes <= this.#max);
  }
}
