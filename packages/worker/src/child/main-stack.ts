/** Reads the stack of this process's main thread from another thread. */

import type { Debugger } from "node:inspector/promises";

import { withMainPaused } from "./paused-main.ts";

/** Frames of this package and of Node are left out, because they say nothing of the task. */
const OWN_FOLDER = new URL("../", import.meta.url).href;

/** The most frames that are reported. */
const MAX_FRAMES = 50;

/** Gives the frames as a stack trace shows them, the innermost first; none if no JavaScript of the tasks runs there. */
export async function mainStack(): Promise<string[]> {
  return await withMainPaused(({ frames, urls }) =>
    frames
      .map((frame) => ({ frame, url: frame.url || (urls.get(frame.location.scriptId) ?? "") }))
      .filter(({ url }) => !url.startsWith("node:") && !url.startsWith(OWN_FOLDER))
      .slice(0, MAX_FRAMES)
      .map(({ frame, url }) => frameText(frame, url)),
  );
}

function frameText({ functionName, location }: Debugger.CallFrame, url: string): string {
  const { lineNumber, columnNumber = 0 } = location;
  const place = `${url}:${lineNumber + 1}:${columnNumber + 1}`;
  return functionName === "" ? place : `${functionName} (${place})`;
}
