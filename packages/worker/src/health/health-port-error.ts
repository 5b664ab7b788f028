import { PoolmqError } from "@poolmq/shared";

/** An address that was asked for, and why nothing can listen there. */
interface AskedFor {
  readonly host: string;
  readonly port: number;
  readonly cause: unknown;
}

/** The health checks can't be served at the requested address. */
export class HealthPortError extends PoolmqError {
  readonly code = "HEALTH_PORT";
  /** Address that was asked for. */
  readonly host: string;
  /** Port that was asked for. */
  readonly port: number;

  constructor(facts: AskedFor) {
    const options = { port: "`healthPort` (--health-port)", host: "`healthHost` (--health-host)" };
    super(notServed("Health checks", facts, options), { cause: facts.cause });
    this.host = facts.host;
    this.port = facts.port;
  }
}

/** The dashboard can't be served at the requested address. */
export class DashboardPortError extends PoolmqError {
  readonly code = "DASHBOARD_PORT";

  constructor(facts: AskedFor) {
    super(notServed("The dashboard", facts), { cause: facts.cause });
  }
}

/** The signal for autoscalers can't be served at the requested address. */
export class SignalPortError extends PoolmqError {
  readonly code = "SIGNAL_PORT";

  constructor(facts: AskedFor) {
    super(notServed("The scale signal", facts), { cause: facts.cause });
  }
}

/** What the user calls port and host, where a command serves nothing else. */
const FLAGS = { port: "port (--port)", host: "address (--host)" };

/** @param options - names of the options by which the user gave the address */
function notServed(what: string, { host, port, cause }: AskedFor, options = FLAGS): string {
  return `${what} can't be served on ${host}, port ${port}: ${whyNotListening(cause, options)}`;
}

function whyNotListening(cause: unknown, options: typeof FLAGS): string {
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
