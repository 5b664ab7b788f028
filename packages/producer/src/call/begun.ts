import { InvalidStateError } from "@poolmq/shared";

import { noInsights } from "../account/insight-log.ts";
import type { MapInsights } from "../account/map-insights.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import type { Sink } from "../map/sink.ts";
import type { CalledMap } from "../result/unseen-failure.ts";

/** What the handles need of a call that has begun. */
export interface Begun extends CalledMap {
  readonly id: string;
  insights(): MapInsights;
  cancel(reason?: unknown): void;
  /** Makes the map more or less urgent; `undefined`: no priority. */
  setPriority(priority: number | undefined): Promise<void>;
  /** Leaves a durable map to others, once all of it is in Redis. Gives false if it ended before. */
  detach(): Promise<boolean>;
  /** Forgets a durable map that is kept. */
  acknowledge(): Promise<void>;
  /** Somebody looks at the results, or waits for them. */
  look?(): void;
  handOn(): void;
}

/** The result of a call that never began. */
export function refused(error: unknown, sink: Sink, about: Omit<CalledMap, "watched" | "progress">): Begun {
  sink.ended({ error });
  return {
    ...about,
    watched: false,
    id: "none",
    progress: () => NO_PROGRESS,
    insights: noInsights,
    cancel: () => {},
    setPriority: async () => {},
    detach: async () => false,
    acknowledge: async () => {},
    handOn: () => {},
  };
}

/** Why a handle gives no results after `detach()`. */
export const DETACHED = "detach() has left it to whoever calls attach()";

export function notDurable(id: string, what: string): InvalidStateError {
  return new InvalidStateError(
    `Map ${id} was started without \`mapId\`: nothing of it stays in Redis that could ${what}`,
  );
}
