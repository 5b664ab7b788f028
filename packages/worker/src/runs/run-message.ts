import type { ToChild } from "../pipe/pipe-messages.ts";
import type { Run } from "./run.ts";
import type { SentRun } from "./sent-runs.ts";

/** Makes the message that tells a host to run a job. Absent fields are left out, because the pipe is a hot path. */
export function runMessage({ id, slot }: SentRun, run: Run, isQuiet: boolean): ToChild {
  const { careful, skip, shares, fn, map, at, n, attempt } = run;
  const { reduce, trace, enqueuedAtMs, logs, outcomeLimit, maxItems } = run;
  const plain: Extract<ToChild, { t: "run" }> = { t: "run", id, slot, fn, map, at, n, attempt };
  const isPlain =
    !careful &&
    skip.length === 0 &&
    shares.length === 0 &&
    reduce === undefined &&
    trace === undefined &&
    !logs &&
    !isQuiet &&
    outcomeLimit === undefined &&
    maxItems === undefined;
  if (isPlain) return plain;
  return {
    ...plain,
    ...(careful ? { careful } : {}),
    ...(skip.length === 0 ? {} : { skip }),
    ...(shares.length === 0
      ? {}
      : { shares: shares.map(({ position, id: shareId }) => [position, shareId] as const) }),
    ...(reduce === undefined ? {} : { reduce }),
    ...(trace === undefined ? {} : { trace }),
    ...(enqueuedAtMs === undefined ? {} : { enqueuedAtMs }),
    ...(logs ? { logs } : {}),
    ...(isQuiet ? { quiet: true as const } : {}),
    ...(outcomeLimit === undefined ? {} : { outcomeLimit }),
    ...(maxItems === undefined ? {} : { together: true as const }),
  };
}
