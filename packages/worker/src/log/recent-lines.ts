/** Keeps the last lines of a machine's log for readers that come later. */

/** The most lines, and the most characters of them, that are kept. */
const MAX_LINES = 500;
const MAX_CHARS = 64 * 1024;

export class RecentLines {
  readonly #lines: string[] = [];
  #chars = 0;
  /** Number of the first line that is kept, among all that were written. */
  #first = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length;
    while (this.#lines.length > MAX_LINES || (this.#chars > MAX_CHARS && this.#lines.length > 1)) {
      this.#chars -= this.#lines.shift()?.length ?? 0;
      this.#first++;
    }
  }

  /** The lines from this number on, as far as they are kept. */
  from(no: number): { readonly no: number; readonly lines: readonly string[] } {
    const from = Math.max(no, this.#first);
    return { no: from, lines: this.#lines.slice(from - this.#first) };
  }
}
