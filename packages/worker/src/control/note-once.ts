/** Lets machines log what somebody did to their queue. */

/** One shard of the queue. */
export interface Notable {
  /** Tells the machines that listen there. Gives whether one does, as far as that is known. */
  note(what: string): Promise<boolean>;
}

/** Tells them on one shard: a machine listens on all, and would log the same line for each. */
export async function noteOnce(shards: readonly Notable[], what: string): Promise<void> {
  for (const shard of shards) if (await shard.note(what)) return;
}
