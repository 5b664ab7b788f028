/**
 * Passes on what a process prints in whole lines, so that lines of several processes do not mix. Bounded: a line that is
 * longer than a mebibyte goes on in parts, and so does one whose end does not come, such as a question or a progress bar.
 */

import { clearTimeout, setTimeout } from "node:timers";

const LF = 0x0a;

const MAX_BYTES = 1024 * 1024;

/**
 * How long to wait for the end of a line, in ms. Then the part that is there is shown. A program that ends meanwhile
 * waits for that.
 */
const PATIENCE_MS = 250;

export class WholeLines {
  readonly #pass: (bytes: Buffer) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pass: (bytes: Buffer) => void) {
    this.#pass = pass;
  }

  take(data: Buffer): void {
    const end = data.lastIndexOf(LF) + 1;
    this.#add(data.subarray(0, end));
    if (end > 0 || this.#length + data.length - end > MAX_BYTES) this.flush();
    this.#add(data.subarray(end));
    clearTimeout(this.#timer);
    if (this.#length > 0) this.#timer = setTimeout(() => this.flush(), PATIENCE_MS);
  }

  /** Passes on the unfinished line, since no more comes, or not soon. */
  flush(): void {
    clearTimeout(this.#timer);
    if (this.#length === 0) return;
    const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    if (bytes !== undefined) this.#pass(bytes);
  }

  #add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}
