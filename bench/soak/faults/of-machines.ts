/** Faults of the machines that run the items. */

import { setTimeout as delay } from "node:timers/promises";

import { signalTo } from "../actors/actor.ts";
import { nextPick, picked } from "./fault.ts";
import type { Lane, Queue, Stage } from "./fault.ts";

/** Picks a queue, and gives the rest of the pick. Most often it is the first queue, which has no evil tasks. */
function queueOf(
  { queues }: Stage,
  pick: number,
): { readonly queue: Queue | undefined; readonly rest: number } {
  return { queue: pick < 0.7 ? queues[0] : queues.at(-1), rest: nextPick(pick, 10) };
}

export const OF_MACHINES: Lane = {
  everyMs: 2_200,
  faults: [
    {
      kind: "child killed",
      weight: 5,
      // Only on the first queue: with evil tasks, an item may lose only few processes, none of them by the soak's kills.
      inject: async ({ queues: [first] }, { pick }) => {
        const all = first?.fleet.all ?? [];
        const children = picked(all, pick)?.actor.children ?? [];
        const child = picked(children, nextPick(pick, all.length));
        if (child !== undefined) signalTo(child, "SIGKILL");
        return await Promise.resolve(child !== undefined);
      },
    },
    {
      kind: "machine killed",
      weight: 2,
      inject: async (stage, { pick }) => {
        const { queue, rest } = queueOf(stage, pick);
        const victim = queue?.fleet.pick(rest);
        if (victim === undefined) return false;
        await queue?.fleet.lose(victim);
        return true;
      },
    },
    {
      kind: "machine frozen",
      weight: 2,
      forMs: [500, 2_500],
      inject: async (stage, { pick, forMs }) => {
        const { queue, rest } = queueOf(stage, pick);
        // At random, including the machine that is watched.
        const any = picked(queue?.fleet.all ?? [], rest);
        any?.actor.freeze(true);
        await delay(forMs);
        any?.actor.freeze(false);
        return any !== undefined;
      },
    },
    {
      kind: "child frozen",
      weight: 1,
      forMs: [200, 3_000],
      inject: async ({ queues: [first] }, { pick, forMs }) => {
        const child = picked(first?.fleet.elder.actor.children ?? [], pick);
        if (child === undefined) return false;
        signalTo(child, "SIGSTOP");
        await delay(forMs);
        signalTo(child, "SIGCONT");
        return true;
      },
    },
    {
      kind: "machine replaced (SIGTERM)",
      weight: 2,
      inject: async (stage, { pick }) => {
        const { queue, rest } = queueOf(stage, pick);
        const victim = queue?.fleet.pick(rest);
        // A machine that does not serve yet has nothing to hand over.
        if (victim?.isReady !== true) return false;
        queue?.fleet.retire(victim);
        return await Promise.resolve(true);
      },
    },
  ],
};
