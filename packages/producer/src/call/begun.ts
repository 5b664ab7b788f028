import { InvalidStateError } from "@poolmq/shared";

import { noInsights } from "../account/insight-log.ts";
import { NO_PROGRESS } from "../account/map-progress.ts";
import type { Sink } from "../map/outcomes/sink.ts";
import type { HandledMap } from "../result/handle.ts";
import type { CalledMap } from "../result/unseen-failure.ts";

/** What handles need of a call. */
export interface Begun extends HandledMap {
  handOn(): void;
  readsWait?(count: number): void;
}

/** Makes the `Begun` of a call that was refused. */
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
