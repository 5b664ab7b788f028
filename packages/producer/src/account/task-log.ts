/** Brings what the items of a map print and log to the caller. */

import type { Level, Logger } from "pino";

import type { LogBatch, LogLine } from "@poolmq/shared/internal";

/** A line that an item printed, or a record that it logged. */
export interface TaskLog {
  /** Index of the item; `undefined` if the line is about the whole map. */
  readonly index: number | undefined;
  /** Which attempt this was, from 1. */
  readonly attempt: number;
  /** The worker machine, or the thread pool. */
  readonly worker: string;
  /** Process id of the worker process. */
  readonly pid: number;
  /** Where it was written; `log` is `taskContext().log`, and `poolmq` tells how many lines were dropped. */
  readonly from: "stdout" | "stderr" | "log" | "poolmq";
  /** pino's number: 30 for stdout, 40 for stderr. */
  readonly level: number;
  /** The line, or the record's message. */
  readonly message: string;
  /** The other fields of the record. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The most lines of one map. All of them are in the workers' logs. */
const MAX_LINES = 10_000;

const [INFO, WARN] = [30, 40];

/** Fields of a record that are left out, because a `TaskLog` has them as properties of its own. */
const SAID = new Set(["level", "time", "msg", "mapId", "index", "attempt"]);

const NOBODY = { worker: "", pid: 0, attempt: 0 };

export class TaskLogs {
  readonly #tell: (log: TaskLog) => void;
  #lines = 0;
  #dropped = 0;

  constructor(tell: (log: TaskLog) => void) {
    this.#tell = tell;
  }

  /** Whether jobs that are enqueued now are to forward what they print and log. */
  get wanted(): boolean {
    return this.#lines < MAX_LINES;
  }

  /**
   * Takes a `LogBatch` as JSON. Anything of another shape is dropped, since anyone who can write to Redis can add to a
   * stream.
   */
  take(index: number, text: string): void {
    const batch = readBatch(text);
    if (batch === undefined) return;
    for (const line of batch.lines) {
      const [from, said] = line;
      if (this.#lines >= MAX_LINES) this.#dropped += from === "dropped" ? said : 1;
      else this.#take(index, batch, line);
    }
  }

  /** Adds the number of lines that were left out, when the map has ended. */
  end(): void {
    if (this.#dropped > 0) this.#tell(dropped(this.#dropped, "this map", { ...NOBODY, index: undefined }));
  }

  #take(index: number, { worker, pid, attempt }: LogBatch, [from, said]: LogLine): void {
    this.#lines++;
    const by = { index, worker, pid, attempt };
    if (from === "dropped") return this.#tell(dropped(said, "this item", by));
    if (from !== "log") {
      const level = from === "stdout" ? INFO : WARN;
      return this.#tell({ ...by, from, level, message: said, fields: {} });
    }
    const record = readRecord(said);
    const { msg, level } = record ?? {};
    this.#tell({
      ...by,
      from,
      level: typeof level === "number" ? level : INFO,
      message: typeof msg === "string" ? msg : record === undefined ? said : "",
      fields: Object.fromEntries(Object.entries(record ?? {}).filter(([name]) => !SAID.has(name))),
    });
  }
}

/** Writes to the pool's log. */
export function toLogger(logger: Logger, mapId: string, task: string): (log: TaskLog) => void {
  // The worker has serialized errors already.
  const log = logger.child({}, { serializers: { err: (written: unknown) => written } });
  return ({ message, level, index, worker, pid, from, fields }) => {
    const name = (log.levels.labels[level] ?? "info") as Level;
    log[name]({ ...fields, mapId, task, index, worker, pid, from }, message);
  };
}

function dropped(
  lines: number,
  of: string,
  by: Pick<TaskLog, "index" | "worker" | "pid" | "attempt">,
): TaskLog {
  const message = `${lines.toLocaleString("en")} more lines of ${of} are not shown`;
  return { ...by, from: "poolmq", level: WARN, message, fields: { dropped: lines } };
}

function readBatch(text: string): LogBatch | undefined {
  const batch = readRecord(text) as Partial<LogBatch> | undefined;
  if (batch === undefined || !Array.isArray(batch.lines)) return undefined;
  const lines = (batch.lines as unknown[]).filter(isLine);
  return { worker: String(batch.worker), pid: Number(batch.pid), attempt: Number(batch.attempt), lines };
}

function isLine(line: unknown): line is LogLine {
  if (!Array.isArray(line)) return false;
  const [from, said] = line as unknown[];
  if (from === "dropped") return Number.isSafeInteger(said);
  return (from === "stdout" || from === "stderr" || from === "log") && typeof said === "string";
}

function readRecord(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === "object" && record !== null) return record as Record<string, unknown>;
  } catch {
    // Not JSON: the record was too long and cut, or a task wrote to the file descriptor itself.
  }
  return undefined;
}
