/**
 * Stops this process's main thread for a moment from another thread, to look at it. It is stopped for less than a
 * millisecond, and this works even in the middle of an endless loop.
 */

import { Session } from "node:inspector/promises";
import type { Debugger } from "node:inspector/promises";

/**
 * How long to wait for the main thread to stop, in ms. After that, it runs no JavaScript: it waits, or is in native code.
 */
const PATIENCE_MS = 500;

/** What is seen of the main thread while it stands still. */
export interface PausedMain {
  readonly session: Session;
  /** The innermost first; none if it runs no JavaScript. */
  readonly frames: readonly Debugger.CallFrame[];
  /** URLs of scripts by their numbers. Frames name their scripts by number; only an event gives the URL of each. */
  readonly urls: ReadonlyMap<string, string>;
}

/** Calls the function while the main thread stands still, and lets that continue. */
export async function withMainPaused<V>(look: (main: PausedMain) => V | Promise<V>): Promise<V> {
  const session = new Session();
  session.connectToMainThread();
  try {
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
    return await look({ session, frames: frames ?? [], urls });
  } finally {
    // Lets the main thread continue.
    session.disconnect();
  }
}
