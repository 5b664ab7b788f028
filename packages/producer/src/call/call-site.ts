/** Where a call was made, for the errors of its items. */

import { fileURLToPath } from "node:url";

import type { CallSite } from "../map/outcomes/read-outcomes.ts";

/** More than the number of frames between a pool's method and `note()`. */
const OWN_FRAMES = 8;

/** The same for an item that can't be sent, and is refused before the site was noted. */
const OWN_FRAMES_WITHIN = 24;

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
  const site = new NotedSite(call);
  site.note();
  return site.text;
}

/** A call site whose stack is noted at any time before the pool's method returns. */
export class NotedSite {
  readonly #call: string;
  #stack: Error | undefined;
  #limit = 0;
  #text: string | undefined;

  constructor(call: string) {
    this.#call = call;
  }

  note(ownFrames: number = OWN_FRAMES): void {
    if (this.#stack !== undefined) return;
    const { stackTraceLimit } = Error;
    // Our own frames come on top of as many as the user wants to see. `Reflect.set`: the program may have frozen `Error`.
    if (stackTraceLimit > 0) Reflect.set(Error, "stackTraceLimit", stackTraceLimit + ownFrames);
    this.#stack = new Error(this.#call);
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
    this.#limit = stackTraceLimit;
  }

  /** May be asked for before `note()`: the call has not returned then, and the stack still shows who made it. */
  readonly text: CallSite = () => {
    if (this.#text !== undefined) return this.#text;
    this.note(OWN_FRAMES_WITHIN);
    const lines = stackOf(this.#stack as Error)
      .split("\n")
      .slice(1);
    const frames = withoutOwn(lines, this.#call).slice(0, this.#limit);
    if (frames.length > 0)
      this.#text = [`    --- called by the producer: ${this.#call}() ---`, ...frames].join("\n");
    return this.#text;
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
