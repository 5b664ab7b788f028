import type { Failure } from "@poolmq/shared/internal";

import type { SharedArgument } from "../runs/run.ts";
import type { JobContext, JobInHand } from "./context/job-context.ts";

/** What a job's arguments need in addition to their text. */
export interface JobArguments {
  /** The bytes that the text names. */
  readonly bytes: Buffer | undefined;
  readonly shares: readonly SharedArgument[];
}

/** For most jobs: their text holds all of their arguments. */
export const NOTHING_MORE: JobArguments = { bytes: undefined, shares: [] };

/** Whether the text of a job's arguments names bytes or shared values that must be fetched. */
export function hasMore({ bytes, shares }: JobInHand["data"]): boolean {
  return bytes !== undefined || shares !== undefined;
}

/** Fetches what the job's arguments name. Gives "gone" for a job that is to be dropped without an outcome. */
export async function readMore(
  context: JobContext,
  hand: JobInHand,
): Promise<JobArguments | { readonly failure: Failure } | "gone"> {
  const shares: SharedArgument[] = [];
  for (const [position, id] of hand.data.shares ?? []) {
    const value = await context.shared.get(id);
    if (value === undefined) return { failure: { code: "SHARED_VALUE_GONE", shareId: id } };
    shares.push({ position, id, ...value });
  }
  if (hand.data.bytes === undefined) return { bytes: undefined, shares };
  const bytes = await readBytes(context, hand);
  return bytes === "gone" ? "gone" : { bytes, shares };
}

/**
 * The bytes that the job's arguments name. They are gone if its map has ended, or if another machine has published its
 * outcome; or they were lost, and then its producer, who finds it missing, enqueues it again with them.
 */
async function readBytes(
  { store, seals, log }: JobContext,
  { job, data }: JobInHand,
): Promise<Buffer | "gone"> {
  const bytes = await store.bytes(data.map, data.at);
  if (bytes === null || bytes.length !== data.bytes) {
    log.info({ mapId: data.map, index: data.at }, "item not run: the bytes of its arguments are gone");
    return "gone";
  }
  return seals.admitsBytes(job, data, bytes) ? bytes : "gone";
}
