/** `poolmq top`: a queue, live. */

import { Option } from "commander";
import type { Command } from "commander";

import type { QueueView } from "../../watch/queue-view.ts";

import { EXIT, EXIT_CODES_WITHOUT_MAP_HELP } from "../base/exit-code.ts";
import { milliseconds } from "../base/integer.ts";
import { queueCommand, withQueue } from "../base/queue-command.ts";
import type { QueueFlags, ReachedQueue } from "../base/queue-command.ts";
import { cutLine } from "../view/cut-line.ts";
import { clean } from "../view/format.ts";
import { LiveScreen } from "../view/live-screen.ts";
import { statusText } from "../view/status-text.ts";

interface TopFlags extends QueueFlags {
  readonly intervalMs: number;
}

/** After this long without an answer from Redis, in ms, the screen says so. */
const LATE_MS = 2_000;

export function topCommand(): Command {
  return queueCommand("top")
    .summary("watch a queue live")
    .description(
      "Shows what `poolmq status` shows, again and again, until q or Ctrl-C; the arrow keys scroll. Where stdout is no terminal, it is printed each time; with --json, one object a line.",
    )
    .addOption(
      new Option("--interval-ms <ms>", "how often to look, at least 100")
        .default(1_000)
        .argParser(milliseconds),
    )
    .addHelpText("after", EXIT_CODES_WITHOUT_MAP_HELP)
    .action((flags: TopFlags) => top(flags));
}

async function top(flags: TopFlags): Promise<void> {
  const intervalMs = Math.max(100, flags.intervalMs);
  await withQueue(flags, async (queue) => {
    if (flags.json === true) await print(queue, intervalMs, (view) => JSON.stringify(view));
    else if (process.stdout.isTTY) await draw(queue, intervalMs);
    else await print(queue, intervalMs, (view) => `${statusText(view, Infinity).join("\n")}\n`);
    return EXIT.fine;
  });
}

/** For files and pipes: until a signal ends it. */
async function print(
  { watcher }: ReachedQueue,
  intervalMs: number,
  text: (view: QueueView) => string,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  for (let view = await watcher.readOnce(); ; view = await watcher.read()) {
    console.log(text(view));
    if (await ended(stop.signal, intervalMs)) return;
  }
}

async function draw({ watcher, address }: ReachedQueue, intervalMs: number): Promise<void> {
  const screen = new LiveScreen();
  let view: QueueView | undefined;
  let askedAt = performance.now();
  const show = (): void => {
    const late = performance.now() - askedAt > LATE_MS;
    const note = cutLine(
      screen.width,
      late
        ? [`${clean(address)} does not answer, trying again`, "red"]
        : ["↑ ↓ PgUp PgDn scroll · q quits", "dim"],
    );
    screen.draw([...(view === undefined ? ["looking…"] : statusText(view, screen.width)), "", note]);
  };
  screen.onResize(show);
  // Redraw even if no answer comes, so that the screen can say so.
  const ticker = setInterval(show, intervalMs);
  try {
    show();
    while (!screen.ended.aborted) {
      askedAt = performance.now();
      const reading = view === undefined ? watcher.readOnce() : watcher.read();
      const read = await Promise.race([reading.catch(() => undefined), screen.closed]);
      if (read !== undefined) {
        view = read;
        askedAt = performance.now();
        show();
      }
      if (await ended(screen.ended, intervalMs)) return;
    }
  } finally {
    clearInterval(ticker);
    screen.close();
  }
}

/** Waits; true if it is to end. */
function ended(signal: AbortSignal, ms: number): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve(signal.aborted);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
