import { decodeThrown } from "@poolmq/shared/task";
import type { ItemOutcome } from "@poolmq/shared/internal";

import type { RunEnd } from "../runs/run.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";

/** The most frames in a line, enough to find the place. */
const MAX_FRAMES = 5;

/**
 * A line for items that threw, at most one per task and class of error in a while. It has the error's class and frames,
 * but not its message, which may repeat arguments, and arguments must not get into a log. Callers and `poolmq errors`
 * show the message.
 */
export function logFailures(
  { failures }: Pick<JobContext, "failures">,
  { job, data }: JobInHand,
  end: RunEnd,
): void {
  if (end.kind !== "done" || end.text.startsWith("=")) return;
  const outcomes =
    end.text === "" ? end.outcomes : (JSON.parse(end.text.slice(1)) as ItemOutcome[]).entries();
  for (const [offset, outcome] of outcomes) {
    if (outcome.s !== "threw") continue;
    const facts = (): object => ({
      task: job.name,
      mapId: data.map,
      index: data.at + offset,
      attempt: job.attemptsMade + 1,
      ...factsOf(outcome.thrown),
    });
    failures.warn(`${job.name} ${classOf(outcome.thrown)}`, facts, "item threw");
  }
}

/** The class of what was thrown, found in its text. Decoding every thrown value would cost more than the item. */
function classOf(thrown: string): string {
  return /"class":"([^"\\]*)"/.exec(thrown.slice(0, 500))?.[1] ?? "";
}

function factsOf(payload: string): { readonly error: string; readonly frames?: readonly string[] } {
  const thrown = decoded(payload);
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  const { name, message, stack = "" } = thrown;
  // The message stands before the frames, and may have lines that look like frames.
  const below = stack.slice(Math.max(0, stack.indexOf(message)) + message.length);
  const frames = below.split("\n").filter((line) => /^\s+at /.test(line));
  return { error: name, frames: frames.slice(0, MAX_FRAMES).map((line) => line.trim()) };
}

function decoded(payload: string): unknown {
  try {
    return decodeThrown(payload);
  } catch {
    return undefined;
  }
}
