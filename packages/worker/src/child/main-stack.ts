/**
 * What the main thread of this process does at this moment: its stack, seen from another of its threads. It is stopped
 * for less than a millisecond, even in the middle of an endless loop.
 */

import { Session } from "node:inspector/promises";
import type { Debugger } from "node:inspector/promises";

/** A thread that has not stopped by then, in ms, runs no JavaScript: it waits, or is in native code. */
const PATIENCE_MS = 500;

/** Frames of Node and of this package say nothing of the task, and a process that waits has no others. */
const OWN_FOLDER = new URL("../", import.meta.url).href;

/** Frames that are told. */
const MAX_FRAMES = 50;

/** Gives the frames as a stack trace shows them, the innermost first; none if no JavaScript of the tasks runs there. */
export async function mainStack(): Promise<string[]> {
  const session = new Session();
  session.connectToMainThread();
  try {
    // Scripts are told of by their number in what follows, and by their address only here.
    const urls = new Map<string, string>();
    session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url));
    const paused = new Promise<Debugger.CallFrame[]>((resolve) => {
      session.once("Debugger.paused", ({ params }) => resolve(params.callFrames));
    });
    await session.post("Debugger.enable");
    void session.post("Debugger.pause");
    let timer: NodeJS.Timeout | undefined;
    const impatient = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    });
    const frames = await Promise.race([paused, impatient]);
    clearTimeout(timer);
    return (frames ?? [])
      .map((frame) => ({ frame, url: frame.url || (urls.get(frame.location.scriptId) ?? "") }))
      .filter(({ url }) => !url.startsWith("node:") && !url.startsWith(OWN_FOLDER))
      .slice(0, MAX_FRAMES)
      .map(({ frame, url }) => frameText(frame, url));
  } finally {
    // Lets it go on.
    session.disconnect();
  }
}

function frameText({ functionName, location }: Debugger.CallFrame, url: string): string {
  const { lineNumber, columnNumber = 0 } = location;
  const place = `${url}:${lineNumber + 1}:${columnNumber + 1}`;
  return functionName === "" ? place : `${functionName} (${place})`;
}
