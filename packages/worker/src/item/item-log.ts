/**
 * Forwards what an item prints and logs to its producer, in addition to its usual destination. Bounded: of a task that
 * prints in a loop, the first lines are sent, and the number of the others.
 */

// Not the global: a task may put something else in its place.
import { Buffer } from "node:buffer";

import type { LogLine } from "@poolmq/shared/task";

import { currentTaskContext } from "../task/task-context.ts";
import type { TaskContext } from "../task/task-context.ts";

const MAX_LINES = 100;
/** The most characters of an item, so that Redis has room for those of some thousand items. */
const MAX_CHARS = 16 * 1024;

/** A longer line is cut. */
const MAX_LINE_CHARS = 8 * 1024;

type Printed = "stdout" | "stderr";
type Write = typeof process.stdout.write;

export class ItemLog {
  readonly #send: (line: LogLine) => void;
  /** What was printed since the last end of a line. */
  readonly #open: Record<Printed, string> = { stdout: "", stderr: "" };
  #lines = 0;
  #chars = 0;
  #dropped = 0;
  #ended = false;

  constructor(send: (line: LogLine) => void) {
    this.#send = send;
  }

  print(from: Printed, text: string): void {
    const lines = `${this.#open[from]}${text}`.split("\n");
    const open = lines.pop() ?? "";
    // Of a line without an end, no more is kept than is sent.
    this.#open[from] = open.slice(0, MAX_LINE_CHARS + 1);
    for (const line of lines) if (line !== "") this.#add([from, line]);
  }

  /** @param record - a line of JSON, as pino writes it */
  record(record: string): void {
    this.#add(["log", record.trimEnd()]);
  }

  /** The item has ended: what it prints from now on is not forwarded. */
  end(): void {
    for (const from of ["stdout", "stderr"] as const) {
      if (this.#open[from] !== "") this.#add([from, this.#open[from]]);
    }
    if (this.#dropped > 0) this.#send(["dropped", this.#dropped]);
    this.#ended = true;
  }

  #add([from, text]: readonly [Printed | "log", string]): void {
    if (this.#ended) return;
    const cut = text.length > MAX_LINE_CHARS ? `${text.slice(0, MAX_LINE_CHARS)}…` : text;
    if (this.#lines >= MAX_LINES || this.#chars + cut.length > MAX_CHARS) {
      this.#dropped++;
      return;
    }
    this.#lines++;
    this.#chars += cut.length;
    this.#send([from, cut]);
  }
}

const logs = new WeakMap<TaskContext, ItemLog>();
let captures = false;

/** Forwards what the item prints and logs from now on. */
export function forwardItemLog(context: TaskContext, send: (line: LogLine) => void): void {
  if (!captures) for (const from of ["stdout", "stderr"] as const) capture(from);
  captures = true;
  logs.set(context, new ItemLog(send));
}

/** Gives the log of the running item, if it is forwarded. */
export function currentItemLog(): ItemLog | undefined {
  const context = currentTaskContext();
  return context === undefined ? undefined : logs.get(context);
}

/** Gives the log of an item, if it is forwarded. */
export function itemLogOf(context: TaskContext): ItemLog | undefined {
  return logs.get(context);
}

/** Ends the log of an item, if it is forwarded. */
export function endItemLog(context: TaskContext): void {
  logs.get(context)?.end();
}

function capture(from: Printed): void {
  const stream = process[from];
  const write: Write = stream.write.bind(stream);
  stream.write = ((...args: Parameters<Write>) => {
    const [chunk] = args;
    currentItemLog()?.print(from, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    return write(...args);
  }) as Write;
}
