import { inspect } from "node:util";
import type { InspectOptions } from "node:util";

import type { MapProgress } from "../account/map-progress.ts";

/** Shows the class, state and progress of a handle in `console.log()`. */
export function showHandle(
  name: string,
  map: { readonly id: string; readonly task: string; progress(): MapProgress },
  options: InspectOptions,
): string {
  const { id, task } = map;
  const { ended, done, failed, total } = map.progress();
  const facts = {
    task,
    state: ended ? (failed > 0 ? "failed" : "ended") : "running",
    done: total === undefined ? String(done) : `${done} of ${total}`,
    ...(failed > 0 ? { failed } : {}),
    id,
  };
  const hint = name === "ResultStream" ? "read it with for await" : "await it";
  return `${name} ${inspect({ ...facts, hint }, options)}`;
}
