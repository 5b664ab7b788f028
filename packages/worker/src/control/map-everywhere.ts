/** What is done to a map on all shards of its queue, as one. */

import { setTimeout as delay } from "node:timers/promises";

import type { MapControl } from "./map-control.ts";
import { noteOnce } from "./note-once.ts";
import type { Notable } from "./note-once.ts";
import type { Retried } from "./retry-map.ts";

export type MapOrders = Pick<MapControl, "cancel" | "setPriority" | "retry">;

/** If shards answer differently, the answer that comes first in this list counts. */
const CANCELLED = ["no answer", "no key", "by its producer", "removed", "not found"] as const;
const PRIORITIZED = ["changed", "no key", "not found"] as const;

/** How often, and after how many ms each, a shard is asked again that takes the map for one that runs, unlike others. */
const MARK_TRIES = 20;
const MARK_DELAY_MS = 100;

/** @param controls - of the map's queue on each shard */
export function everywhere(controls: readonly (MapOrders & Notable)[]): MapOrders {
  const all = async <V>(step: (control: MapOrders) => Promise<V>): Promise<V[]> =>
    await Promise.all(controls.map(step));
  return {
    async cancel(mapId, reason, options) {
      const answers = await all((control) => control.cancel(mapId, reason, options));
      const cancelled = CANCELLED.find((answer) => answers.includes(answer)) ?? "not found";
      const isDone = cancelled === "by its producer" || cancelled === "removed";
      if (isDone) await noteOnce(controls, `cancelled the map ${mapId}`);
      return cancelled;
    },
    async setPriority(mapId, priority) {
      const answers = await all((control) => control.setPriority(mapId, priority));
      const prioritized = PRIORITIZED.find((answer) => answers.includes(answer)) ?? "not found";
      const what = priority === undefined ? "no priority" : `the priority ${priority}`;
      if (prioritized === "changed") await noteOnce(controls, `gave the map ${mapId} ${what}`);
      return prioritized;
    },
    async retry(mapId) {
      const answers = await all(async (control) => await control.retry(mapId));
      // Its producer marks the map as delivered on one shard after the other: the last marks may be on their way.
      for (let tries = 0; tries < MARK_TRIES && isPart(answers); tries++) {
        await delay(MARK_DELAY_MS);
        for (const [at, answer] of answers.entries()) {
          const control = controls[at];
          if (control !== undefined && isRunning(answer)) answers[at] = await control.retry(mapId);
        }
      }
      const problems = answers.filter((answer) => "problem" in answer);
      const problem = problems.find((answer) => answer.problem !== "not found") ?? problems[0];
      let items = 0;
      for (const answer of answers) if ("items" in answer) items += answer.items;
      if (items > 0) await noteOnce(controls, `ran ${items} failed items of the map ${mapId} again`);
      return problem !== undefined && problems.length === answers.length ? problem : { items };
    },
  };
}

function isRunning(answer: Retried): boolean {
  return "problem" in answer && answer.problem === "running";
}

/** Whether some shards ran their items again, and others take the map for one that still runs. */
function isPart(answers: readonly Retried[]): boolean {
  return answers.some((answer) => "items" in answer) && answers.some(isRunning);
}
