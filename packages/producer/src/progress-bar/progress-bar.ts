/**
 * Progress bars on a terminal, one under the other, drawn by `cli-progress`.
 *
 * The terminal's state is not changed (the cursor stays visible, lines are cut to its width), so nothing has to be
 * restored however the program ends, except that the cursor must leave the line of a bar.
 */

import { createRequire } from "node:module";

import type * as CliProgress from "cli-progress";

import { InvalidOptionError } from "@poolmq/shared";
import { checkOptions, inspectBriefly } from "@poolmq/shared/internal";

import { NO_PROGRESS } from "../account/map-progress.ts";
import type { MapProgress } from "../account/map-progress.ts";
import { barLine } from "./progress-line.ts";

/** Where bars are drawn: `process.stderr`, `process.stdout`, or a stream like them. */
export type TerminalStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly rows?: number | undefined;
  readonly columns?: number | undefined;
};

/** Options of a progress bar. */
export interface ProgressBarOptions {
  /** Text before the bar. @defaultValue none */
  readonly title?: string | undefined;
  /** Where to draw. Nothing is drawn if it is not a terminal. @defaultValue `process.stderr` */
  readonly stream?: TerminalStream | undefined;
}

/** How often to redraw, in ms: often enough to look smooth. */
const REDRAW_MS = 100;

const DEFAULT_ROWS = 24;

/**
 * Gives a callback for `onProgress` that draws a bar on the terminal: counts, rate and time left. Maps that run at the
 * same time have a bar each, one under the other. It needs the package `cli-progress`. Where stderr is no terminal it
 * draws nothing, and needs nothing.
 *
 * It takes any counts. For one bar over several maps, call it with the sums of their counts.
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
  // `dumb` is a terminal that can't move its cursor, such as an editor's.
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
  // The title must be one line, and must not move the cursor.
  return { title: title.replaceAll(/\p{Cc}+/gu, " "), stream };
}

/** Loaded on demand: only programs that draw need it installed. */
function loadCliProgress(): typeof CliProgress {
  try {
    return createRequire(import.meta.url)("cli-progress") as typeof CliProgress;
  } catch (cause) {
    throw new InvalidOptionError("Progress bars need the package cli-progress: npm install cli-progress", {
      cause,
    });
  }
}

/** The data that cli-progress keeps for each bar. The text is made when the bar is drawn. */
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

/** The bars of one terminal; exists from the first bar to the end of the last one. */
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
      // One less than the width: on some terminals, clearing the rest of a full line also clears its last character.
      format: (_options, { maxWidth }, { line }: Payload) => line(maxWidth - 1),
      linewrap: true,
      hideCursor: null,
      gracefulExit: false,
      // A bar that moves up must overwrite another one.
      forceRedraw: true,
      fps: 1_000 / REDRAW_MS,
    });
    this.#multi.on("update-post", this.#unref);
    process.on("exit", this.#leaveLine);
    // Called before Node writes an error, which would otherwise appear in the bar's line.
    process.on("uncaughtExceptionMonitor", this.#leaveLine);
  }

  /** Adds a bar below the others. It is not drawn if the terminal has no line for it. */
  add(title: string): Bar {
    // It is 0 if the terminal does not know it.
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
        // Draw here as well, because a busy event loop may not get to the timer.
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

  /** A bar must not keep the process alive; its map does. There is no public API for this. */
  readonly #unref = (): void => {
    (this.#multi as unknown as { readonly timer: NodeJS.Timeout | null }).timer?.unref();
  };

  /** Leaves the bar's line if the program ends in between, so that further output begins on a new line. */
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
