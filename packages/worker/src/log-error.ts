import { pino } from "pino";

/**
 * Writes down an error for the log. The client of Redis hangs the command that failed on its errors, arguments
 * included: a refused publish would put the results of tasks into the log.
 */
export function serializeError(error: unknown): unknown {
  // What a child wrote down already is no `Error` any more.
  if (!(error instanceof Error)) return error;
  return strip(pino.stdSerializers.err(error));
}

function strip(written: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { command, aggregateErrors, ...rest } = written;
  return {
    ...rest,
    ...(isCommand(command) ? { command: command.name } : {}),
    ...(Array.isArray(aggregateErrors) ? { aggregateErrors: aggregateErrors.map(strip) } : {}),
  };
}

function isCommand(value: unknown): value is { readonly name: string } {
  return typeof (value as { readonly name?: unknown } | undefined)?.name === "string";
}
