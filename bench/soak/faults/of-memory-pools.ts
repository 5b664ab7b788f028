/** Faults of pools in memory: of their processes, and of the programs that made them. */

import { setTimeout as delay } from "node:timers/promises";

import { signalTo } from "../actors/actor.ts";
import { picked } from "./fault.ts";
import type { Lane } from "./fault.ts";

export const OF_MEMORY_POOLS: Lane = {
  everyMs: 3_500,
  faults: [
    {
      kind: "child of a pool in memory killed",
      weight: 3,
      inject: async ({ inMemory }, { pick }) => {
        const asker = inMemory.find(({ actor }) => actor.children.length > 0);
        const child = picked(asker?.actor.children ?? [], pick);
        if (asker === undefined || child === undefined) return false;
        asker.childrenKilled++;
        signalTo(child, "SIGKILL");
        return await Promise.resolve(true);
      },
    },
    {
      kind: "program with a pool in memory frozen",
      weight: 1,
      forMs: [300, 2_000],
      inject: async ({ inMemory }, { pick, forMs }) => {
        const { actor } = picked(inMemory, pick) ?? {};
        actor?.freeze(true);
        await delay(forMs);
        actor?.freeze(false);
        return actor !== undefined;
      },
    },
    {
      // Not one with threads: they end with it whatever poolmq does, and what it uses is watched until the end.
      kind: "program with a pool in memory killed",
      weight: 0.5,
      inject: async ({ inMemory }) => {
        const asker = inMemory.find(({ engine }) => engine === "processes");
        await asker?.killAndReplace();
        return asker !== undefined;
      },
    },
  ],
};
