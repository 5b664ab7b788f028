/** A soak process's end of the channel to the process that started it, with which it ends. */

import { existsSync, readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { heapResident } from "./heap-resident.ts";
import type { FromActor, ToActor } from "./messages.ts";

export function say(message: FromActor): void {
  process.send?.(message, undefined, undefined, () => {});
}

/** Answers for this process; calls back once it is told to stop. @param isBusy - a map runs here now */
export function listen(onStop: () => void, isBusy: () => boolean = () => false): void {
  process.on("disconnect", () => process.exit(1));
  process.on("message", (message: ToActor) => {
    if (message.t === "stop") onStop();
    else void tellUsage(isBusy);
  });
}

const DESCRIPTORS = "/proc/self/fd";

/**
 * Tells the memory in use after a garbage collection: before one, the figure depends on the collector's timing.
 *
 * @param isBusy - a map runs here now
 */
export async function tellUsage(isBusy: () => boolean = () => false): Promise<void> {
  // The first collection runs finalizers; the second frees what they held.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.();
    await turn();
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const descriptors = existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS).length : 0;
  const heap = isBusy() ? undefined : heapUsed + external;
  say({ t: "usage", rss, outside: rss - heapResident(), heap, descriptors });
}
