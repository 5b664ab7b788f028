/**
 * Brings what the tasks of a child print and log into the machine's log, one log line for each line.
 *
 *   process.stdout, stderr ── fd 1, 2 ──▶ lines, tagged with the item that printed them ──▶ info, warn
 *   taskContext().log ─────── fd 5 ─────▶ records, as pino wrote them ────────────────────▶ their own level
 *
 * Bounded: a long line is cut, and nothing is read while the log's destination can't keep up. A child that prints without
 * end then waits in its own `write`.
 *
 * Where a machine has no log that tasks should print to, prints are passed on as they are.
 */

import type { ChildProcess as NodeProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";

import type { Level, Logger } from "pino";

import { drainOf } from "./backpressure.ts";
import { keepReading } from "./keep-reading.ts";
import { loadPino } from "./load-pino.ts";
import { printTo } from "./print-to.ts";
import { readLines } from "./read-lines.ts";
import type { PrintTarget } from "../pipe/child-settings.ts";
import { TAG } from "../pipe/output-tag.ts";
import { Throttle } from "./throttle.ts";
import { WholeLines } from "./whole-lines.ts";

/** Longer printed lines are cut: nobody reads them. */
const MAX_LINE_CHARS = 8 * 1024;

/** Records may be longer, because a record that is cut is not JSON any more. */
const MAX_RECORD_CHARS = 64 * 1024;

/** Fields of a record that are left out, because the machine's own logger writes them itself. */
const REPLACED = new Set(["level", "time", "pid", "hostname", "msg"]);

/** Where records go. It is opened for the first record, because most tasks of a local pool log nothing. */
export interface RecordLog {
  readonly level: string;
  open(): Logger;
}

export class TaskOutput {
  readonly target: PrintTarget;
  /** Below this level, tasks need not write their records. */
  readonly level: string;
  readonly #open: () => Logger;
  #opened: Logger | undefined;
  readonly #logThrottle: Throttle;
  readonly #stdoutThrottle = new Throttle(() => process.stdout);
  readonly #stderrThrottle = new Throttle(() => process.stderr);

  constructor(log: RecordLog, target: PrintTarget) {
    this.level = log.level;
    // The child has serialized errors already.
    this.#open = () => log.open().child({}, { serializers: { err: (written: unknown) => written } });
    this.target = target;
    this.#logThrottle = new Throttle(() => drainOf(this.#log));
  }

  get #log(): Logger {
    return (this.#opened ??= this.#open());
  }

  /**
   * How a child's stdout is opened. A terminal is inherited, because programs print differently to a terminal than to a
   * pipe.
   */
  get stdout(): "pipe" | "inherit" {
    return this.target === "inherit" && isatty(1) ? "inherit" : "pipe";
  }

  /** Begins to read what a child writes. */
  attach(child: NodeProcess): void {
    const childPid = child.pid;
    const records = (child.stdio as readonly unknown[])[5] as Readable | null | undefined;
    if (records) {
      readLines(records, MAX_RECORD_CHARS, (line, cut) => this.#record(line, cut, childPid));
      this.#logThrottle.add(records);
    }
    if (this.target === "inherit") {
      const [, stdout, stderr] = child.stdio as readonly (Socket | null)[];
      if (stdout) passOn(stdout, process.stdout, this.#stdoutThrottle);
      if (stderr) passOn(stderr, process.stderr, this.#stderrThrottle);
      return;
    }
    if (child.stdout) this.#readPrints(child.stdout, "stdout", childPid);
    if (child.stderr) this.#readPrints(child.stderr, "stderr", childPid);
  }

  #readPrints(stream: Readable, from: "stdout" | "stderr", childPid: number | undefined): void {
    let item: { task?: string; mapId: string; index: number } | undefined;
    readLines(stream, MAX_LINE_CHARS, (line, cut) => {
      // Text and tags by turns: [text, mapId, index, task, text, …]. A tag says which item's text follows; an empty tag,
      // that it is of no item.
      const parts = line.split(TAG);
      for (let i = 0; i < parts.length; i += 4) {
        if (i > 0) {
          const [mapId = "", index, task = ""] = parts.slice(i - 3, i);
          const whose = { mapId, index: Number(index) };
          item = mapId === "" ? undefined : task === "" ? whose : { task, ...whose };
        }
        const text = parts[i] ?? "";
        if (text === "") continue;
        const isLast = i === parts.length - 1;
        const facts = { childPid, ...item, from, ...(cut > 0 && isLast ? { cutChars: cut } : {}) };
        if (from === "stdout") this.#log.info(facts, text);
        else this.#log.warn(facts, text);
      }
      // The part that was cut away may have held a tag, and no name is better than a wrong one.
      if (cut > 0) item = undefined;
    });
    this.#logThrottle.add(stream);
  }

  #record(line: string, cut: number, childPid: number | undefined): void {
    const record = cut === 0 ? parseRecord(line) : undefined;
    if (record === undefined) {
      this.#log.warn(
        { childPid, from: "log", ...(cut > 0 ? { cutChars: cut } : {}) },
        line.slice(0, MAX_LINE_CHARS),
      );
      return;
    }
    const facts = Object.fromEntries(Object.entries(record).filter(([name]) => !REPLACED.has(name)));
    const level = (loadPino().levels.labels[Number(record["level"])] ?? "info") as Level;
    const { msg } = record;
    this.#log[level]({ childPid, ...facts }, typeof msg === "string" ? msg : "");
  }
}

/** Passes prints on as they are, a whole line at a time. */
function passOn(from: Socket, to: NodeJS.WriteStream, throttle: Throttle): void {
  const lines = new WholeLines((bytes) => printTo(to, bytes));
  from.on("data", (data: Buffer) => lines.take(data));
  from.on("end", () => lines.flush());
  throttle.add(from);
  keepReading(from);
}

function parseRecord(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null) return record as Record<string, unknown>;
  } catch {
    // It is not a record: a task can write to any file descriptor.
  }
  return undefined;
}
