/** What keeps a worker machine from serving. */

import { PoolmqError } from "./poolmq-error.ts";

/** The Redis or the worker machine that the pool started for itself ended unexpectedly. */
export class LocalMachineError extends PoolmqError {
  readonly code = "LOCAL_MACHINE";
}

/**
 * The only worker machines that are there can't serve: their tasks module does not load, its initializer fails, or their
 * login in Redis lacks a right.
 */
export class WorkerStartError extends PoolmqError {
  readonly code = "WORKER_START";
  /** Path of the tasks module; empty if Redis refuses what the worker needs. */
  readonly module: string;

  constructor(facts: { host: string; module: string; phase: string; reason: string }) {
    const what = facts.phase === "initializer" ? "the initializer fails" : "the module does not load";
    const place = facts.phase === "redis" ? "" : `, ${what} of the tasks module ${facts.module}`;
    super(
      `No worker can serve: on ${facts.host}${place}: ${facts.reason.replace(/\.$/, "")}. See the log of that worker.`,
    );
    this.module = facts.module;
  }
}

/** The tasks module did not load, exports no function, or its initializer failed. The reason is the `cause`. */
export class TasksModuleError extends PoolmqError {
  readonly code = "TASKS_MODULE";
  /** `load`: the import failed. `initializer`: its `initializer` failed. `exit`: the process ended during either. */
  readonly phase: "load" | "initializer" | "exit";
  /** Path of the tasks module. */
  readonly module: string;
  /** Message of what was thrown. */
  readonly reason: string;

  constructor(facts: { module: string; phase: "load" | "initializer" | "exit"; cause: unknown }) {
    const reason = facts.cause instanceof Error ? facts.cause.message : String(facts.cause);
    const what = {
      load: "did not load",
      initializer: "has an initializer that failed",
      exit: "ended its process",
    };
    super(`The tasks module ${facts.module} ${what[facts.phase]}: ${reason}`, { cause: facts.cause });
    this.phase = facts.phase;
    this.module = facts.module;
    this.reason = reason;
  }
}

/** The system's limits, by the error code that it answers when it does not start a process or a thread. */
const LIMITS: Readonly<Record<string, string>> = {
  EMFILE:
    "this process has too many open files (EMFILE), and each worker process takes five. Raise the limit of open files (`ulimit -n`), or start fewer",
  ENFILE: "the system has too many open files (ENFILE). Raise its limit, or start fewer",
  EAGAIN:
    "it allows no more processes and threads (EAGAIN). Raise their limit (`ulimit -u`, or `pids.max` of the container), or start fewer",
  ENOMEM: "it has no memory for another one (ENOMEM). Start fewer",
};

/** The system does not start as many processes or threads as were asked for. What it answered is the `cause`. */
export class SystemLimitError extends PoolmqError {
  readonly code = "SYSTEM_LIMIT";
  /** What the system answered: `"EMFILE"`, `"EAGAIN"`, … */
  readonly limit: string;

  /** @param what - what was to be started: "a worker process" */
  constructor(what: string, cause: Error) {
    const text = `${(cause as NodeJS.ErrnoException).code} ${cause.message}`;
    const limit = /\bE[A-Z]{3,}\b/.exec(text.replaceAll("ERR_", ""))?.[0] ?? "UNKNOWN";
    super(`The system did not start ${what}: ${LIMITS[limit] ?? cause.message}`, { cause });
    this.limit = limit;
  }
}
