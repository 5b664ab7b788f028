/** Finds out from another thread whether this process's main thread runs what an item that has ended left behind. */

import type { EndedItem } from "../pipe/pipe-messages.ts";
import { LEFTOVER_KEY } from "./leftover-key.ts";
import { withMainPaused } from "./paused-main.ts";

/** Gives the item that has ended; `undefined` if the main thread runs something else, or no JavaScript. */
export async function mainLeftover(): Promise<EndedItem | undefined> {
  return await withMainPaused(async ({ session, frames: [frame] }) => {
    if (frame === undefined) return undefined;
    const { result } = await session.post("Debugger.evaluateOnCallFrame", {
      callFrameId: frame.callFrameId,
      expression: `globalThis[Symbol.for("${LEFTOVER_KEY}")]()`,
      silent: true,
      returnByValue: true,
    });
    return result.type === "object" && result.subtype === undefined ? (result.value as EndedItem) : undefined;
  });
}
