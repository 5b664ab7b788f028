// Kept from before any task is loaded, since a task may replace the global's methods.
const { stringify } = JSON;

/** Inherits a `toJSON` that a program has given to all arrays or to all objects. */
const ANY: unknown[] = [];

/**
 * `JSON.stringify` for what poolmq itself sends: objects and arrays of plain values. Some programs give all arrays or
 * objects a `toJSON`, as old versions of Prototype.js do, which `JSON.stringify` would call.
 */
export function toJson(value: object): string {
  return "toJSON" in ANY ? stringify(bare(value)) : stringify(value);
}

/** Copies the value without prototypes. */
function bare(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return Object.setPrototypeOf(value.map(bare), null);
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) copy[key] = bare((value as Record<string, unknown>)[key]);
  return copy;
}
