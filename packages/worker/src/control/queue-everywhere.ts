/** What is done to all shards of a queue, as to one. */

import { noteOnce } from "./note-once.ts";
import type { Notable } from "./note-once.ts";
import type { QueueControl } from "./queue-control.ts";

export type QueueOrders = Pick<QueueControl, "pause" | "resume" | "dead" | "purge">;

/** @param controls - of the queue on each shard */
export function onAllShards(controls: readonly (QueueOrders & Notable)[]): QueueOrders {
  const all = async <V>(step: (control: QueueOrders) => Promise<V>): Promise<V[]> =>
    await Promise.all(controls.map(step));
  return {
    async pause() {
      await all((control) => control.pause());
      await noteOnce(controls, "paused the queue");
    },
    async resume() {
      await all((control) => control.resume());
      await noteOnce(controls, "resumed the queue");
    },
    async dead() {
      const jobs = new Map<string, number>();
      for (const [mapId, n] of (await all((control) => control.dead())).flatMap((maps) => [...maps])) {
        jobs.set(mapId, (jobs.get(mapId) ?? 0) + n);
      }
      return jobs;
    },
    async purge(mapId) {
      const jobs = (await all((control) => control.purge(mapId))).reduce((sum, n) => sum + n, 0);
      await noteOnce(controls, `purged the map ${mapId}`);
      return jobs;
    },
  };
}
