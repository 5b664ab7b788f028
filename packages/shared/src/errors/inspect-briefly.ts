import { inspect } from "node:util";

/** One line that shows a value in an error message. */
export function inspectBriefly(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 3 });
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
