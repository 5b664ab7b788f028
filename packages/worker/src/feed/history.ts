/** The state of a queue and its maps at the last looks, for charts. */

import type { QueueView } from "../watch/queue-view.ts";

import type { MapPoint, QueuePoint, StartMessage } from "./messages.ts";

/** Points of a line: at a look a second, ten minutes. */
const MAX_POINTS = 600;

export class History {
  readonly #queue: QueuePoint[] = [];
  readonly #maps = new Map<string, MapPoint[]>();

  add({ atMs, jobs, redis, maps }: QueueView): void {
    const itemsPerS = maps.reduce((sum, map) => (map.state === "running" ? sum + map.itemsPerS : sum), 0);
    push(this.#queue, { atMs, ...jobs, usedBytes: redis.usedBytes, itemsPerS });
    const ids = new Set(maps.map(({ id }) => id));
    for (const id of this.#maps.keys()) if (!ids.has(id)) this.#maps.delete(id);
    for (const { id, done, state, itemsPerS: perS } of maps) {
      // The rate of a map that has ended is its average, which would distort the chart.
      if (state !== "running") continue;
      const points = this.#maps.get(id) ?? [];
      this.#maps.set(id, points);
      push(points, { atMs, done, itemsPerS: perS });
    }
  }

  of(mapId: string): readonly MapPoint[] {
    return this.#maps.get(mapId) ?? [];
  }

  get all(): Pick<StartMessage, "history" | "mapHistory"> {
    return {
      history: this.#queue,
      mapHistory: [...this.#maps].map(([mapId, points]) => ({ mapId, points })),
    };
  }
}

function push<T>(points: T[], point: T): void {
  points.push(point);
  if (points.length > MAX_POINTS) points.shift();
}
