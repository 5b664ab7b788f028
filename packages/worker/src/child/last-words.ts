/**
 * Reports which item is to blame before a host ends because of something that a task left behind: a promise or a timer
 * whose error is not caught, or a call of `process.exit()`. The async context tells which item that is; it may have ended
 * long ago.
 *
 * Whatever is not caught still ends the host in Node's own way, which prints it; a task module that listens for
 * `uncaughtException` itself goes on.
 */

import { encodeThrown } from "@poolmq/shared/task";
import type { Payload } from "@poolmq/shared/task";

import { currentTaskContext, isOfEndedBatch } from "../task/task-context.ts";
import { currentItemLog } from "../item/item-log.ts";
import { ownerOf } from "../item/item-context.ts";
import type { OutcomeLimit } from "../item/outcome-writer.ts";
import type { WayOut } from "../item/way-out.ts";

/** For what a batch left behind, which belongs to no present run: their ids begin with 1. */
const OF_NO_RUN = { id: 0 };

/** Gives a function to call before the host ends as intended. */
export function tellLastWords(out: WayOut, limit: OutcomeLimit | undefined): () => void {
  let isOver = false;
  const tell = (text?: Payload, stack?: string): void => {
    if (isOver) return;
    isOver = true;
    const context = currentTaskContext();
    const owner = context !== undefined ? ownerOf(context) : isOfEndedBatch() ? OF_NO_RUN : undefined;
    if (stack !== undefined) currentItemLog()?.print("stderr", `${stack}\n`);
    out.send({ t: "ending", ...owner }, text);
    out.flush();
  };
  process.on("uncaughtExceptionMonitor", (thrown: unknown) => {
    if (process.listenerCount("uncaughtException") > 0) return;
    tell(encodeThrown(thrown, limit), stackOf(thrown));
  });
  process.on("exit", () => tell());
  return () => {
    isOver = true;
  };
}

/** Anything can be thrown, also what throws when it is looked at. */
function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error ? thrown.stack : String(thrown);
  } catch {
    return undefined;
  }
}
