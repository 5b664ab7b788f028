import { inspectBriefly } from "../errors/inspect-briefly.ts";

const MAX_MESSAGE = 500;
const MAX_STACK = 4_000;

/**
 * What progress reports and logs say of an error. The stack is read only when it is asked for, because that takes time.
 */
export interface ErrorFacts {
  /** Name of the error's class; of a thrown value that is no error, its type. */
  readonly name: string;
  readonly message: string;
  readonly stack?: () => string;
}

/** Anything may have been thrown, and reading it must not throw. */
export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) {
    return { name: error === null ? "null" : typeof error, message: cut(inspectBriefly(error), MAX_MESSAGE) };
  }
  const { name, message, stack } = error as { name: unknown; message: unknown; stack?: unknown };
  return {
    name: cut(String(name), MAX_MESSAGE),
    message: cut(String(message), MAX_MESSAGE),
    ...(typeof stack === "string" ? { stack: () => cut(stack, MAX_STACK) } : {}),
  };
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
