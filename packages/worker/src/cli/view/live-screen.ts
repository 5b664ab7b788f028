/** A terminal screen that is redrawn repeatedly, and restored however the program ends. */

import { lastTop, moveOf, visible } from "./scroll.ts";

const ENTER = "\u001B[?1049h\u001B[?25l";
const LEAVE = "\u001B[?25h\u001B[?1049l";
const HOME = "\u001B[H";
const CLEAR_LINE = "\u001B[K";
const CLEAR_BELOW = "\u001B[J";

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export class LiveScreen {
  readonly #end = new AbortController();
  readonly #restore = (): void => this.close();
  readonly #onSignal = (): void => this.#end.abort();
  readonly #closed = Promise.withResolvers<undefined>();
  #open = true;
  #lines: readonly string[] = [];
  /** Number of lines that the user has scrolled past. */
  #top = 0;

  constructor() {
    process.stdout.write(ENTER);
    process.once("exit", this.#restore);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, this.#onSignal);
    this.#end.signal.addEventListener("abort", () => this.#closed.resolve(undefined));
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.setEncoding("utf8").on("data", this.#onKey);
    }
  }

  get width(): number {
    return process.stdout.columns || DEFAULT_COLUMNS;
  }

  /** Fires when the user wants to leave. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Resolves when the user wants to leave. */
  get closed(): Promise<undefined> {
    return this.#closed.promise;
  }

  onResize(listener: () => void): void {
    process.stdout.on("resize", listener);
  }

  get #rows(): number {
    return process.stdout.rows || DEFAULT_ROWS;
  }

  /**
   * Shows the lines. If there is no room for all of them, shows the first, the last, and the part to which the user has
   * scrolled.
   */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    this.#lines = lines;
    const rows = this.#rows;
    this.#top = Math.min(this.#top, lastTop(lines.length, rows));
    const shown = visible(lines, rows, this.#top);
    // One write avoids flicker.
    process.stdout.write(HOME + shown.map((line) => `${line}${CLEAR_LINE}`).join("\n") + CLEAR_BELOW);
  }

  /** Gives the terminal back. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off("exit", this.#restore);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(false);
      process.stdin.off("data", this.#onKey).pause();
    }
    process.stdout.write(LEAVE);
  }

  readonly #onKey = (keys: string | Buffer): void => {
    // In raw mode, Ctrl-C arrives as a character and not as a signal.
    const text = String(keys);
    if ([CTRL_C, CTRL_D, "q", "Q"].some((key) => text.includes(key))) return this.#end.abort();
    const move = moveOf(text, this.#rows);
    if (move === undefined) return;
    this.#top = Math.max(0, Math.min(lastTop(this.#lines.length, this.#rows), this.#top + move));
    this.draw(this.#lines);
  };
}
