/** `poolmq healthcheck`: asks a worker machine how it is, for images without curl. */

import { Command, Option } from "commander";

import { EXIT } from "../base/exit-code.ts";
import { integer, milliseconds } from "../base/integer.ts";

interface HealthcheckFlags {
  readonly port?: number;
  readonly host?: string;
  readonly live?: true;
  readonly timeoutMs: number;
}

/** Addresses that mean "every address of this machine" to a server that listens. A client can't connect to them. */
const WILDCARDS: readonly (string | undefined)[] = ["0.0.0.0", "::", undefined];

export function healthcheckCommand(): Command {
  return new Command("healthcheck")
    .summary("ask the service of this container whether it is healthy")
    .description(
      "Asks a worker, a dashboard or a scale-signal that was started with --health-port. Exits with 0 if it is ready, else with 1 and the reason. For HEALTHCHECK in a Dockerfile.",
    )
    .helpOption("-h, --help", "print this help")
    .addOption(
      new Option("--port <port>", "port of the worker's health checks")
        .env("POOLMQ_HEALTH_PORT")
        .argParser(integer),
    )
    .addOption(new Option("--host <host>", "address of the worker's health checks").env("POOLMQ_HEALTH_HOST"))
    .addOption(
      new Option(
        "--live",
        "ask only whether the worker is alive: for schedulers that restart what is unhealthy, which helps nothing while Redis is down or the worker finishes its last items",
      ),
    )
    .addOption(
      new Option("--timeout-ms <ms>", "how long to wait for the answer")
        .default(2_000)
        .argParser(milliseconds),
    )
    .addHelpText(
      "after",
      `
Example, for a Dockerfile:
  ENV POOLMQ_HEALTH_PORT=9090
  HEALTHCHECK CMD ["poolmq", "healthcheck"]`,
    )
    .action(healthcheck);
}

async function healthcheck({ port, host, live, timeoutMs }: HealthcheckFlags): Promise<void> {
  if (port === undefined || port < 1 || port > 65_535) {
    const got = port === undefined ? "none" : String(port);
    console.error(`poolmq: Expected --port (or POOLMQ_HEALTH_PORT) to be from 1 to 65535, got ${got}`);
    process.exitCode = EXIT.usage;
    return;
  }
  const address = host === undefined || WILDCARDS.includes(host) ? "127.0.0.1" : host;
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}/${live ? "livez" : "readyz"}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    console.log((await response.text()).trim());
    process.exitCode = response.ok ? 0 : 1;
  } catch (error) {
    const { cause, message } = error as Error;
    const reason = cause instanceof Error && cause.message !== "" ? cause.message : message;
    console.error(`poolmq: ${url} did not answer: ${reason}`);
    process.exitCode = 1;
  }
}
