import { PoolmqError } from "@poolmq/shared";

/** The health checks can't be served where they were asked for. */
export class HealthPortError extends PoolmqError {
  readonly code = "HEALTH_PORT";
  /** Address that was asked for. */
  readonly host: string;
  /** Port that was asked for. */
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
