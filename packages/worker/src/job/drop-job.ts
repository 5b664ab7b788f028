import type { JobContext, JobInHand } from "./context/job-context.ts";

/** Drops a job that nobody wants: no outcome is published, and BullMQ may complete it. */
export async function dropJob(
  { store }: Pick<JobContext, "store">,
  { data: { map, at, bytes } }: Pick<JobInHand, "data">,
): Promise<void> {
  // If the bytes of its arguments can't be removed here, they are removed with their map.
  if (bytes !== undefined) await store.dropBytes(map, at).catch(() => {});
}
