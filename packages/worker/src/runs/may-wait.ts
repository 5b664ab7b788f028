import type { SentRuns } from "./sent-runs.ts";
import type { Ticket } from "./run.ts";

/**
 * Behind so many runs that have not begun, a host need not be heard at once: while it says that it begins the last of them,
 * it has one more to run.
 */
const FEW = 2;

/**
 * Whether what a host says may wait: it has work for some time, and nobody waits for a single word.
 *
 * A time limit counts from the word that an item begins, a run that was told to stop is to be noticed when it ends, what an
 * item logs is shown, and large arguments are to be freed. The run at index 0 is a call, or the first of its map, from
 * which the caller learns how long items take.
 */
export function mayWait(sent: SentRuns, concurrency: number): boolean {
  if (sent.size < concurrency + FEW) return false;
  for (const { ticket } of sent.all()) if (isUrgent(ticket)) return false;
  return true;
}

function isUrgent({ run, stopped }: Ticket): boolean {
  const { at, timeoutMs, careful, logs, maxItems, bytes } = run;
  return (
    at === 0 ||
    stopped !== undefined ||
    timeoutMs !== undefined ||
    careful ||
    logs ||
    maxItems !== undefined ||
    bytes !== undefined
  );
}
