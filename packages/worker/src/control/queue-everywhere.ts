/** What is done to all shards of a queue, as to one. */

import type { QueueControl } from "./queue-control.ts";

export type QueueOrders = Pick<QueueControl, "pause" | "resume" | "dead" | "purge">;

/** @param controls - of the queue on each shard */
export function onAllShards(controls: readonly QueueOrders[]): QueueOrders {
  const [only] = controls;
  if (only !== undefined && controls.length === 1) return only;
  const all = async <V>(step: (control: QueueOrders) => Promise<V>): Promise<V[]> =>
    await Promise.all(controls.map(step));
  return {
    pause: async () => void (await all((control) => control.pause())),
    resume: async () => void (await all((control) => control.resume())),
    async dead() {
      const jobs = new Map<string, number>();
      for (const [mapId, n] of (await all((control) => control.dead())).flatMap((maps) => [...maps])) {
        jobs.set(mapId, (jobs.get(mapId) ?? 0) + n);
      }
      return jobs;
    },
    async purge(mapId) {
      return (await all((control) => control.purge(mapId))).reduce((sum, n) => sum + n, 0);
    },
  };
}
