import { CancelledError } from "@poolmq/shared";
import { checkPriority } from "@poolmq/shared/internal";

import type { Sink } from "../map/outcomes/sink.ts";
import { checkMapId } from "../options/call-options.ts";
import { DETACHED, refused } from "./begun.ts";
import type { Begun } from "./begun.ts";
import { beforeEnd } from "./call-hooks.ts";
import type { CallContext } from "./call-context.ts";
import { callSite } from "./call-site.ts";

/** Takes up a map that was started with `mapId`. Errors go to the sink, and are never thrown. */
export function beginAttach({ life, engine, tasks }: CallContext, mapId: string, sink: Sink): Begun {
  const site = callSite("attach");
  const about = {
    call: "attach",
    task: String(mapId),
    callSite: site,
    warn: (message: string): void => life.warn(message),
  };
  try {
    life.checkOpen("attach");
    checkMapId(mapId);
    life.checkFree(mapId);
    const map = engine.attach({
      mapId,
      sink: beforeEnd(sink, () => life.untrack(map)),
      callSite: site,
      classes: tasks.errorClasses,
    });
    life.track(map);
    return {
      ...about,
      id: mapId,
      watched: false,
      progress: () => map.progress,
      insights: () => map.insights,
      cancel: (reason) => map.cancel(new CancelledError({ mapId, reason })),
      setPriority: async (asked) => {
        const priority = asked === undefined ? undefined : checkPriority(asked);
        if (!map.ended) await life.keepAliveWhile(engine.setPriority(mapId, priority, true));
      },
      detach: async () => {
        if (map.ended) return false;
        map.fail(new CancelledError({ mapId, reason: DETACHED }));
        return true;
      },
      acknowledge: async () => await life.ask("acknowledge", () => engine.acknowledge(mapId)),
      handOn: () => {},
    };
  } catch (error) {
    return { ...refused(error, sink, about), id: String(mapId) };
  }
}
