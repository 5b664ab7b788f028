/**
 * Looks after the end of a map: once everything of it was sent and workers are idle, what runs for much longer than its
 * siblings is started once more elsewhere. The first outcome counts, as it does for a job that ran twice because a machine
 * was cut off, and the transport stops the other run.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { MapAccount } from "../account/map-account.ts";
import { stragglersOf } from "./stragglers.ts";
import type { Speculation } from "./stragglers.ts";
import type { CarriedMap, TailHand } from "./transport.ts";

/** How often it is looked. */
const LOOK_MS = 100;

/** Watches a map until it has ended. Never rejects. */
export async function watchTail(
  map: CarriedMap,
  hand: TailHand | undefined,
  rule: Speculation | undefined,
  account: Pick<MapAccount, "measured" | "backedUp">,
): Promise<void> {
  if (hand === undefined || rule === undefined || map.ended) return;
  const backedUp = new Set<number>();
  /** How many backups one look may start: more each time, as long as workers take all of them at once. */
  let most = 1;
  for (;;) {
    // The map keeps the process alive, not this.
    await delay(LOOK_MS, undefined, { ref: false });
    if (map.ended) return;
    const candidates = map.chunks(map.underWay).filter(({ at }) => !backedUp.has(at));
    if (candidates.length === 0) continue;
    // Where Redis does not answer, nothing is known to be slow.
    const look = await hand.look(map, candidates).catch(() => undefined);
    if (map.ended) return;
    if (look === undefined || !look.isIdle) continue;
    const { done, total = 0 } = map.progress;
    const [medianMs = 0] = account.measured.times.percentiles(0.5);
    const running = candidates.flatMap(({ at, n }) => {
      const ms = look.runningMs.get(at);
      return ms === undefined ? [] : { at, n, ms };
    });
    const slow = stragglersOf({ total, done, medianMs, running }, rule).slice(0, most);
    for (const at of slow) {
      backedUp.add(at);
      account.backedUp();
    }
    if (slow.length > 0) await hand.backUp(map, map.chunks(slow)).catch(() => {}); // the first run goes on
    most = slow.length === most ? most * 2 : 1;
  }
}
