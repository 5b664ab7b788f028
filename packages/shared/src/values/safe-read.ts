/** Reading objects of which nothing is known: getters and the traps of proxies may throw. None of this does. */

import { types } from "node:util";

/** What reading a property gives if its getter throws. */
export const UNREADABLE: unique symbol = Symbol("unreadable");

export function read(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return UNREADABLE;
  }
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function keysOf(object: object): string[] {
  try {
    return Object.keys(object);
  } catch {
    return [];
  }
}

/** True for errors made by a constructor of any realm. */
export function isNativeError(value: unknown): value is Error {
  // `Error.isError`, which replaces it, is not in Node 22.
  // oxlint-disable-next-line typescript/no-deprecated
  return types.isNativeError(value);
}

/** True for every error, of any realm, and for what inherits from `Error`. */
export function isError(value: unknown): value is object {
  try {
    return isNativeError(value) || value instanceof Error;
  } catch {
    return false; // a proxy's trap threw
  }
}
