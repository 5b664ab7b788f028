import { PoolmqError } from "@poolmq/shared";

/** The health checks can't be served at the requested address. */
export class HealthPortError extends PoolmqError {
  readonly code = "HEALTH_PORT";
  /** Address that was asked for. */
  readonly host: string;
  /** Port that was asked for. */
  readonly port: number;

  constructor(facts: { host: string; port: number; cause: unknown }) {
    const reason = whyNotListening(facts.cause, {
      port: "`healthPort` (--health-port)",
      host: "`healthHost` (--health-host)",
    });
    super(`Health checks can't be served on ${facts.host}, port ${facts.port}: ${reason}`, {
      cause: facts.cause,
    });
    this.host = facts.host;
    this.port = facts.port;
  }
}

/** The dashboard can't be served at the requested address. */
export class DashboardPortError extends PoolmqError {
  readonly code = "DASHBOARD_PORT";

  constructor(facts: { host: string; port: number; cause: unknown }) {
    const reason = whyNotListening(facts.cause, { port: "port (--port)", host: "address (--host)" });
    super(`The dashboard can't be served on ${facts.host}, port ${facts.port}: ${reason}`, {
      cause: facts.cause,
    });
  }
}

/** The signal for autoscalers can't be served at the requested address. */
export class SignalPortError extends PoolmqError {
  readonly code = "SIGNAL_PORT";

  constructor(facts: { host: string; port: number; cause: unknown }) {
    const reason = whyNotListening(facts.cause, { port: "port (--port)", host: "address (--host)" });
    super(`The scale signal can't be served on ${facts.host}, port ${facts.port}: ${reason}`, {
      cause: facts.cause,
    });
  }
}

/** @param options - names of the options by which the user gave the address */
function whyNotListening(cause: unknown, options: { readonly port: string; readonly host: string }): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case "EADDRINUSE":
      return `the port is in use. Give another ${options.port}, or end what listens there`;
    case "EACCES":
      return `this user may not listen there. Give a ${options.port} above 1023`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `this machine has no such address. Give another ${options.host}`;
    default:
      return message;
  }
}
