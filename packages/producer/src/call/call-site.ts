/** Captures where a call was made, for the errors of its items. */

import { fileURLToPath } from "node:url";

import type { CallSite } from "../map/outcomes/read-outcomes.ts";

/** More frames than there are between a pool's method and `note()`. */
const OWN_FRAMES = 8;

/** The same for an item that can't be sent, and whose error is made before the site was noted. */
const OWN_FRAMES_WITHIN = 24;

/** This file, or what a build joins it to (scripts/lib/bundle-package.mjs). */
const IN_THIS_PACKAGE = /\/producer\/(src\/call\/call-site\.ts|dist\/parts\/part\d*\.js)$/;

/** Folders of this package's frames, as a URL and, as source maps have it, as a path. */
const OWN_FOLDERS: readonly string[] = ownFolders();

/**
 * In a bundle, this file has no folder, or is in that of the caller's own code. Nothing is left out then, since that
 * might be the line that made the call.
 */
function ownFolders(): string[] {
  // In a CommonJS bundle, `import.meta.url` is undefined, whatever its type says.
  const here = import.meta.url as string | undefined;
  if (here === undefined || !IN_THIS_PACKAGE.test(here)) return [];
  const folder = new URL("../../", here);
  return [folder.pathname, fileURLToPath(folder)];
}

/**
 * Captures the caller's stack, and gives a function that formats it without the frames of this package. Formatting takes
 * much longer than capturing, and only errors need it.
 */
export function callSite(call: string): CallSite {
  const site = new NotedSite(call);
  site.note();
  return site.text;
}

/** A call site whose stack may be captured at any time before the pool's method returns. */
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
    // This package's frames come in addition to the number that the user wants to see. `Reflect.set`, because the program
    // may have frozen `Error`.
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

/**
 * The stack in V8's own format, even if the program has set an `Error.prepareStackTrace`, which may throw or give no
 * text.
 */
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

/**
 * Leaves out the frames of this package. In a bundle, they can only be recognized by the pool's method that was called.
 */
function withoutOwn(frames: readonly string[], call: string): readonly string[] {
  if (OWN_FOLDERS.length > 0) {
    return frames.filter((frame) => !OWN_FOLDERS.some((folder) => frame.includes(folder)));
  }
  return frames.slice(frames.findIndex((frame) => frame.includes(`.${call} (`)) + 1);
}
