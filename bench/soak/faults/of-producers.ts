/** Faults of the producers. The first one of each queue is watched, and never killed. */

import { setTimeout as delay } from "node:timers/promises";

import type { Asker } from "../actors/asker.ts";
import { picked } from "./fault.ts";
import type { How, Lane, Stage } from "./fault.ts";

function killed(name: string): (stage: Stage) => Promise<boolean> {
  return async ({ queues }) => {
    const asker = queues.flatMap(({ askers }) => askers).find((one) => one.name === name);
    await asker?.killAndReplace();
    return asker !== undefined;
  };
}

async function frozen({ queues }: Stage, { pick, forMs }: How): Promise<boolean> {
  const asker: Asker | undefined = picked(
    queues.flatMap(({ askers }) => askers),
    pick,
  );
  const { actor } = asker ?? {};
  actor?.freeze(true);
  await delay(forMs);
  actor?.freeze(false);
  return actor !== undefined;
}

export const OF_PRODUCERS: Lane = {
  everyMs: 4_000,
  faults: [
    { kind: "durable producer killed", weight: 3, inject: killed("durable") },
    { kind: "plain producer killed", weight: 1, inject: killed("plain") },
    { kind: "producer frozen", weight: 3, forMs: [300, 4_000], inject: frozen },
    // Silent for long enough that machines take it for dead and drop its jobs.
    { kind: "producer frozen for long", weight: 0.3, forMs: [11_000, 13_000], inject: frozen },
  ],
};
