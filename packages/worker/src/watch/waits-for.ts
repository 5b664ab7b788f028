/** Says what a map waits for when none of its items runs. */

import type { MachineView, MapView, WaitsFor } from "./queue-view.ts";

/**
 * If an item got its outcome within this time, in ms, the map is not waiting, even if nothing of it runs at this moment.
 */
const QUIET_MS = 2_000;

/**
 * Gives what a map waits for; `null` if some of it runs, if it has nothing to run, or if the reason is unknown.
 *
 * @param map - `quietMs`: how long ago an item of it last got its outcome
 */
export function waitsFor(
  { id, task, running, quietMs }: Pick<MapView, "id" | "task" | "running"> & { readonly quietMs: number },
  { paused, machines }: { readonly paused: boolean; readonly machines: readonly MachineView[] },
): WaitsFor | null {
  if (running === 0) return null;
  const fit = machines.filter(({ unfit }) => unfit === null);
  const isRun = fit.some(({ children }) =>
    children?.some((child) => child.running.some(({ mapId }) => mapId === id)),
  );
  if (isRun) return null;
  if (paused) return "resume";
  const able = fit.filter(({ tasks }) => Object.hasOwn(tasks, task));
  if (able.every(({ children }) => children?.every(({ state }) => state === "starting"))) return "workers";
  // A machine that has not reported what it runs may be running this map.
  if (quietMs < QUIET_MS || fit.some(({ children }) => children === null)) return null;
  return "turn";
}
