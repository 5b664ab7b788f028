import { settlesWithin } from "@poolmq/shared/internal";

import type { Asker } from "./actors/asker.ts";

/** Has the producers begin no further map, and waits until they have ended. Gives those that hang, in words. */
export async function stopAskers(askers: readonly Asker[], patienceMs: number): Promise<string[]> {
  for (const { actor } of askers) actor.send({ t: "stop" });
  if (await settlesWithin(patienceMs, Promise.all(askers.map(({ actor }) => actor.exited)))) return [];
  return askers
    .filter(({ actor }) => !actor.isGone)
    .map(({ name, current }) => `producer ${name} hangs at map ${JSON.stringify(current)}`);
}
