/**
 * What the tasks of a child print and log, on its way into the machine's log: a log line for each line.
 *
 *   process.stdout, stderr ── fd 1, 2 ──▶ lines, tagged with the item that printed them ──▶ info, warn
 *   taskContext().log ─────── fd 5 ─────▶ records, as pino wrote them ────────────────────▶ their own level
 *
 * Bounded: a long line is cut, and while the log's destination can't keep up nothing is read, so that a child that
 * prints without end waits in its own `write`.
 */

import type { ChildProcess as NodeProcess } from "node:child_process";
import type { Readable } from "node:stream";

import { pino } from "pino";
import type { Level, Logger } from "pino";

import { drainOf } from "./log-drain.ts";
import { readLines } from "./read-lines.ts";
import { TAG } from "./output-tag.ts";

/** Where what tasks print goes: into the log, or, for a machine of one program on a terminal, where that prints. */
export type PrintTarget = "log" | "inherit";

/** A print that is longer is no line for people. */
const MAX_LINE_CHARS = 8 * 1024;

/** A record holds what the task's author put in it, so it may be larger; cut, it would not be a record any more. */
const MAX_RECORD_CHARS = 64 * 1024;

/** Of a record, what the machine's own logger says better, or in its own way. */
const REPLACED = new Set(["level", "time", "pid", "hostname", "msg"]);

export class TaskOutput {
  readonly target: PrintTarget;
  readonly #log: Logger;
  readonly #paused = new Set<Readable>();
  #waiting = false;

  constructor(log: Logger, target: PrintTarget) {
    this.#log = log;
    this.target = target;
  }

  /** Below this level, tasks need not write their records. */
  get level(): string {
    return this.#log.level;
  }

  /** Begins to read what a child writes. */
  attach(child: NodeProcess): void {
    const childPid = child.pid;
    const records = (child.stdio as readonly unknown[])[5] as Readable | null | undefined;
    if (records) {
      readLines(records, MAX_RECORD_CHARS, (line, cut) => this.#record(line, cut, childPid));
      this.#throttle(records);
    }
    if (this.target === "inherit") return;
    if (child.stdout) this.#readPrints(child.stdout, "stdout", childPid);
    if (child.stderr) this.#readPrints(child.stderr, "stderr", childPid);
  }

  #readPrints(stream: Readable, from: "stdout" | "stderr", childPid: number | undefined): void {
    let item: { mapId: string; index: number } | undefined;
    readLines(stream, MAX_LINE_CHARS, (line, cut) => {
      // Text and tags by turns: [text, mapId, index, text, …]. A tag says whose text follows; an empty one, nobody's.
      const parts = line.split(TAG);
      for (let i = 0; i < parts.length; i += 3) {
        if (i > 0) {
          const [mapId = "", index] = [parts[i - 2], parts[i - 1]];
          item = mapId === "" ? undefined : { mapId, index: Number(index) };
        }
        const text = parts[i] ?? "";
        if (text === "") continue;
        const isLast = i === parts.length - 1;
        const facts = { childPid, ...item, from, ...(cut > 0 && isLast ? { cutChars: cut } : {}) };
        if (from === "stdout") this.#log.info(facts, text);
        else this.#log.warn(facts, text);
      }
      // A tag may have been in what was cut away. No name is better than a wrong one.
      if (cut > 0) item = undefined;
    });
    this.#throttle(stream);
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
    const level = (pino.levels.labels[Number(record["level"])] ?? "info") as Level;
    const { msg } = record;
    this.#log[level]({ childPid, ...facts }, typeof msg === "string" ? msg : "");
  }

  /** Lets one piece in at a time: locks and outcomes come in between, and the log's destination sets the pace. */
  #throttle(stream: Readable): void {
    stream.on("error", () => {}); // its process ended, which says more
    stream.on("data", () => {
      stream.pause();
      this.#paused.add(stream);
      this.#resumeSoon();
    });
  }

  #resumeSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const drain = drainOf(this.#log);
    if (drain?.writableNeedDrain === true) drain.once("drain", this.#resume);
    else setImmediate(this.#resume);
  }

  readonly #resume = (): void => {
    this.#waiting = false;
    for (const stream of this.#paused) stream.resume();
    this.#paused.clear();
  };
}

function parseRecord(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null) return record as Record<string, unknown>;
  } catch {
    // Not ours: a task can write to any file descriptor.
  }
  return undefined;
}
