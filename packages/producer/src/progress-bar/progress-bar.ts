/**
 * Progress bars on a terminal, one under the other, drawn by `cli-progress`.
 *
 * Nothing of the terminal's state is changed (the cursor stays visible, lines are cut to its width), so nothing has to
 * be restored however the program ends; only the line that a bar is on has to be left.
 */

import { createRequire } from "node:module";

import type * as CliProgress from "cli-progress";

import { InvalidOptionError } from "@poolmq/shared";
import { checkOptions, inspectBriefly } from "@poolmq/shared/internal";

import { NO_PROGRESS } from "../account/map-progress.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { barLine } from "./progress-line.ts";

/** Where bars are drawn: `process.stderr`, `process.stdout`, or what looks like them. */
export type TerminalStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
};

/** Options of a progress bar. */
export interface ProgressBarOptions {
  /** Stands before the bar. @defaultValue none */
  readonly title?: string | undefined;
  /** Where to draw. Nothing is drawn where it is no terminal. @defaultValue `process.stderr` */
  readonly stream?: TerminalStream | undefined;
}

/** Often enough to look smooth. */
const REDRAW_MS = 100;

const DEFAULT_ROWS = 24;

/**
 * Gives a callback for `onProgress` that draws a bar on the terminal: counts, rate and time left. Maps that run at the
 * same time have a bar each, one under the other. It needs the package `cli-progress`. Where stderr is no terminal it
 * draws nothing, and needs nothing.
 *
 * It takes any counts: one bar over several maps is a function that adds theirs up and calls it.
 *
 * @param options - a title, or options
 * @throws InvalidOptionError, also if a bar is to be drawn and `cli-progress` is not installed
 * @example
 * ```ts
 * import { progressBar } from "@poolmq/producer/progress";
 *
 * const squares = await pool.map("square", [1, 2, 3], { onProgress: progressBar("squares") });
 * console.log(squares); // [ 1, 4, 9 ]
 * ```
 */
export function progressBar(options: string | ProgressBarOptions = {}): (progress: MapProgress) => void {
  const { title, stream } = resolveOptions(options);
  // `dumb` is a terminal that can't move its cursor: an editor's, for one.
  if (stream.isTTY !== true || process.env["TERM"] === "dumb") return () => {};
  const cliProgress = loadCliProgress();
  let bar: Bar | undefined;
  let isOver = false;
  return (progress) => {
    if (isOver) return;
    isOver = progress.ended;
    bar ??= barsOn(stream, cliProgress).add(title);
    bar.show(progress);
  };
}

function resolveOptions(options: string | ProgressBarOptions): { title: string; stream: TerminalStream } {
  const given = typeof options === "string" ? { title: options } : options;
  checkOptions(given, "progress bar options", ["title", "stream"]);
  const { title = "", stream = process.stderr } = given;
  if (typeof title !== "string") {
    throw new InvalidOptionError(`Expected \`title\` to be a string, got ${inspectBriefly(title)}`);
  }
  if (typeof (stream as Partial<TerminalStream>).write !== "function") {
    throw new InvalidOptionError(
      `Expected \`stream\` to be a stream to write to, got ${inspectBriefly(stream)}`,
    );
  }
  // One line, and nothing that moves the cursor.
  return { title: title.replaceAll(/\p{Cc}+/gu, " "), stream };
}

/** Only those who draw need it installed. */
function loadCliProgress(): typeof CliProgress {
  try {
    return createRequire(import.meta.url)("cli-progress") as typeof CliProgress;
  } catch (cause) {
    throw new InvalidOptionError("Progress bars need the package cli-progress: npm install cli-progress", {
      cause,
    });
  }
}

/** What cli-progress keeps for each bar: its text is made only when it is drawn. */
interface Payload {
  readonly line: (width: number) => string;
}

interface Bar {
  show(progress: MapProgress): void;
}

/** The bars of a terminal that are drawn now. */
const drawn = new WeakMap<TerminalStream, Bars>();

function barsOn(stream: TerminalStream, cliProgress: typeof CliProgress): Bars {
  let bars = drawn.get(stream);
  if (bars === undefined) {
    bars = new Bars(stream, cliProgress, () => drawn.delete(stream));
    drawn.set(stream, bars);
  }
  return bars;
}

/** From the first bar to the end of the last one. */
class Bars {
  readonly #stream: TerminalStream;
  readonly #onEnd: () => void;
  readonly #multi: CliProgress.MultiBar;
  readonly #running = new Set<CliProgress.SingleBar>();
  readonly #over: CliProgress.SingleBar[] = [];
  #drawnAt = 0;

  constructor(stream: TerminalStream, cliProgress: typeof CliProgress, onEnd: () => void) {
    this.#stream = stream;
    this.#onEnd = onEnd;
    this.#multi = new cliProgress.MultiBar({
      stream,
      // One short of the width: what clears the rest of a full line takes its last character along on some terminals.
      format: (_options, { maxWidth }, { line }: Payload) => line(maxWidth - 1),
      linewrap: true,
      hideCursor: null,
      gracefulExit: false,
      // A bar that moves up stands where another one was.
      forceRedraw: true,
      fps: 1_000 / REDRAW_MS,
    });
    this.#multi.on("update-post", this.#unref);
    process.on("exit", this.#leaveLine);
    // Before Node writes the error: it would stand in the bar's line.
    process.on("uncaughtExceptionMonitor", this.#leaveLine);
  }

  /** Adds a bar below the others. One for which the terminal has no line is not drawn. */
  add(title: string): Bar {
    // 0 where it does not know.
    const rows = this.#stream.rows || DEFAULT_ROWS;
    while (this.#running.size + this.#over.length >= rows - 1) {
      const oldest = this.#over.shift();
      if (oldest === undefined) return { show: () => {} };
      this.#multi.remove(oldest);
    }
    const startedAt = performance.now();
    let latest: MapProgress = NO_PROGRESS;
    let elapsedMs = 0;
    const line = (width: number): string => barLine(title, latest, elapsedMs, width);
    const bar = this.#multi.create(1, 0, { line } satisfies Payload);
    this.#unref();
    this.#running.add(bar);
    return {
      show: (progress) => {
        latest = progress;
        elapsedMs = performance.now() - startedAt;
        if (progress.ended) this.#end(bar);
        // Draws here as well, because a busy event loop may not get to the timer.
        else if (performance.now() - this.#drawnAt >= REDRAW_MS) this.#draw();
      },
    };
  }

  #end(bar: CliProgress.SingleBar): void {
    this.#running.delete(bar);
    this.#over.push(bar);
    if (this.#running.size > 0) return this.#draw();
    this.#multi.stop();
    this.#forget();
  }

  #draw(): void {
    this.#drawnAt = performance.now();
    this.#multi.update();
  }

  /** A bar keeps no process alive: its map does that. There is no public way to say so. */
  readonly #unref = (): void => {
    (this.#multi as unknown as { readonly timer: NodeJS.Timeout | null }).timer?.unref();
  };

  /** The program ends in the middle: what comes next begins on a line of its own. */
  readonly #leaveLine = (): void => {
    if (this.#running.size > 0) this.#multi.stop();
    this.#forget();
  };

  #forget(): void {
    process.off("exit", this.#leaveLine);
    process.off("uncaughtExceptionMonitor", this.#leaveLine);
    this.#onEnd();
  }
}
