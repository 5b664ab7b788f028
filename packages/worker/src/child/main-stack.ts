/**
 * Reads the stack of this process's main thread from another thread. The main thread is stopped for less than a
 * millisecond, and this works even in the middle of an endless loop.
 */

import { Session } from "node:inspector/promises";
import type { Debugger } from "node:inspector/promises";

/**
 * How long to wait for the main thread to stop, in ms. After that, it runs no JavaScript: it waits, or is in native code.
 */
const PATIENCE_MS = 500;

/** Frames of this package and of Node are left out, because they say nothing of the task. */
const OWN_FOLDER = new URL("../", import.meta.url).href;

/** The most frames that are reported. */
const MAX_FRAMES = 50;

/** Gives the frames as a stack trace shows them, the innermost first; none if no JavaScript of the tasks runs there. */
export async function mainStack(): Promise<string[]> {
  const session = new Session();
  session.connectToMainThread();
  try {
    // Frames name their scripts by number; only these events give the URL of each number.
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
    // Lets the main thread continue.
    session.disconnect();
  }
}

function frameText({ functionName, location }: Debugger.CallFrame, url: string): string {
  const { lineNumber, columnNumber = 0 } = location;
  const place = `${url}:${lineNumber + 1}:${columnNumber + 1}`;
  return functionName === "" ? place : `${functionName} (${place})`;
}
