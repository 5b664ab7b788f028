import { PoolmqError } from "@poolmq/shared";

/** The tasks module did not load, exports no function, or its initializer failed. The reason is the `cause`. */
export class TasksModuleError extends PoolmqError {
  readonly code = "TASKS_MODULE";
  /** What it was doing: being imported, running its `initializer`, or either, when its process ended. */
  readonly phase: "load" | "initializer" | "exit";
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

/** The health checks can't be served where they were asked for. */
export class HealthPortError extends PoolmqError {
  readonly code = "HEALTH_PORT";
  readonly host: string;
  readonly port: number;

  constructor(facts: { host: string; port: number; cause: unknown }) {
    const { code, message } = facts.cause as NodeJS.ErrnoException;
    const reason =
      code === "EADDRINUSE"
        ? "the port is in use. Give another `healthPort` (--health-port), or end what listens there"
        : code === "EACCES"
          ? "this user may not listen there. Give a `healthPort` (--health-port) above 1023"
          : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
            ? "this machine has no such address. Give another `healthHost` (--health-host)"
            : message;
    super(`Health checks can't be served on ${facts.host}, port ${facts.port}: ${reason}`, {
      cause: facts.cause,
    });
    this.host = facts.host;
    this.port = facts.port;
  }
}
