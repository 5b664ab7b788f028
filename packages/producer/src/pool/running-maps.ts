import type { Slots } from "../result/ordered-results.ts";
import type { MapResult } from "../result/map-result.ts";

/** Says whether the map has ended. */
type Ending = Pick<Slots<unknown>, "end" | "whenEnded">;

/** The maps with a `mapId` that this pool runs or has attached to, so that `attach()` gives an existing handle. */
export class RunningMaps {
  readonly #maps = new Map<string, { readonly items: Ending; readonly handle: () => MapResult<unknown> }>();

  /**
   * @param mapId - `undefined`: the map is not durable, and is not noted
   * @param handle - gives the map's handle. Only called while the map runs
   */
  add(mapId: string | undefined, items: Ending, handle: () => MapResult<unknown>): void {
    if (mapId === undefined || items.end !== undefined) return;
    const map = { items, handle };
    this.#maps.set(mapId, map);
    void items.whenEnded.then(() => {
      if (this.#maps.get(mapId) === map) this.#maps.delete(mapId);
    });
  }

  /** The handle of a map that has not ended. */
  find(mapId: string): MapResult<unknown> | undefined {
    const map = this.#maps.get(mapId);
    return map === undefined || map.items.end !== undefined ? undefined : map.handle();
  }
}
