import type { MapView, RunningView } from "../../watch/queue-view.ts";

/**
 * A run is a straggler once it takes this many times as long as nearly all others, and long enough to be noticed. The
 * dashboard's page has the same rule.
 */
const STRAGGLER_TIMES = 3;
const STRAGGLER_MS = 2_000;

/** Whether a run takes much longer than the items of its map do. False while nobody knows how long these take. */
export function isStraggler(
  { mapId, items, sinceMs }: Pick<RunningView, "mapId" | "items" | "sinceMs">,
  atMs: number,
  maps: readonly Pick<MapView, "id" | "runTimes">[],
): boolean {
  const p95Ms = maps.find(({ id }) => id === mapId)?.runTimes.p95Ms ?? null;
  const ms = atMs - sinceMs;
  return p95Ms !== null && ms > STRAGGLER_MS && ms > STRAGGLER_TIMES * p95Ms * items;
}
