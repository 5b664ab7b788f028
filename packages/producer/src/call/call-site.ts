/** Where a call was made, for the errors of its items. */

import { fileURLToPath } from "node:url";

import type { CallSite } from "../map/outcomes/read-outcomes.ts";

/** More than the number of frames between a pool's method and `callSite`. */
const OWN_FRAMES = 8;

/** Where the frames of this package lie: as an address and, through a source map, as a path. */
const OWN_FOLDERS: readonly string[] = ownFolders();

/**
 * In a bundle this file lies nowhere, or where the caller's own code does. Then nothing may be left out, or the line
 * that made the call would be.
 */
function ownFolders(): string[] {
  // A bundle in CommonJS has no address, whatever its type says.
  const here = import.meta.url as string | undefined;
  if (here === undefined || !/\/call\/call-site\.[jt]s$/.test(here)) return [];
  const folder = new URL("../../", here);
  return [folder.pathname, fileURLToPath(folder)];
}

/**
 * Takes note of the caller's stack, and gives it as text without the frames of this package. Only an error needs the
 * text, and making it takes much longer than taking note.
 */
export function callSite(call: string): CallSite {
  const { stackTraceLimit } = Error;
  // Our own frames come on top of as many as the user wants to see. `Reflect.set`: the program may have frozen `Error`.
  if (stackTraceLimit > 0) Reflect.set(Error, "stackTraceLimit", stackTraceLimit + OWN_FRAMES);
  const here = new Error(call);
  Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
  let text: string | undefined;
  return () => {
    if (text !== undefined) return text;
    const frames = withoutOwn(stackOf(here).split("\n").slice(1), call).slice(0, stackTraceLimit);
    if (frames.length > 0) text = [`    --- called by the producer: ${call}() ---`, ...frames].join("\n");
    return text;
  };
}

/** The stack as V8 writes it, whatever the program has made of `Error.prepareStackTrace`, which may throw or give no text. */
function stackOf(error: Error): string {
  const theirs = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  if (theirs !== undefined) Reflect.set(Error, "prepareStackTrace", undefined);
  try {
    const stack: unknown = error.stack;
    return typeof stack === "string" ? stack : "";
  } catch {
    return "";
  } finally {
    if (theirs !== undefined) Reflect.defineProperty(Error, "prepareStackTrace", theirs);
  }
}

/** Leaves out the frames of this package, which a bundle shows only by the pool's method that was called. */
function withoutOwn(frames: readonly string[], call: string): readonly string[] {
  if (OWN_FOLDERS.length > 0) {
    return frames.filter((frame) => !OWN_FOLDERS.some((folder) => frame.includes(folder)));
  }
  return frames.slice(frames.findIndex((frame) => frame.includes(`.${call} (`)) + 1);
}
