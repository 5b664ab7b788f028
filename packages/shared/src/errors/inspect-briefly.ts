import { inspect } from "node:util";

/** One line that shows a value in an error message. Never throws. */
export function inspectBriefly(value: unknown): string {
  const text = inspected(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function inspected(value: unknown): string {
  try {
    return inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80, maxArrayLength: 3 });
  } catch {
    return `${typeof value} that can't be shown`; // for example an error whose message is a getter that throws
  }
}
