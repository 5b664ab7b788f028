/** Looks for workers that can serve a map: refuses one that no live worker can run, and waits while there is no worker. */

import { PoolmqError, TaskNotRegisteredError } from "@poolmq/shared";
import type { TaskInfo } from "@poolmq/shared/internal";

import { checkArity } from "../map/check-arity.ts";
import type { MapRun } from "../map/map-run.ts";
import type { RedisBackend } from "./redis-backend.ts";

/** Workers that are just starting need about this long. If none has come by then, a warning says that the map waits. */
const NO_WORKER_WARNING_MS = 3_000;

const LOOK_FOR_WORKERS_MS = 500;

/**
 * Refuses a map that can't come to its end, as far as can be told now. Gives the registered tasks; `undefined` if no
 * worker is alive.
 *
 * @throws NestedPoolError, TaskNotRegisteredError, InvalidOptionError
 */
export async function checkTask(
  backend: RedisBackend,
  run: MapRun,
): Promise<ReadonlyMap<string, TaskInfo> | undefined> {
  await backend.checkNotNested(run.call);
  const tasks = await backend.registeredTasks();
  if (tasks === undefined) return undefined;
  const info = tasks.get(run.task);
  if (info === undefined) throw new TaskNotRegisteredError({ task: run.task, known: [...tasks.keys()] });
  checkArity(run.call, run.task, info.arity);
  return tasks;
}

/** No worker is alive: the map waits for one, says so if none comes, and ends if it can never be served. */
export function lookForWorkers(backend: RedisBackend, run: MapRun, warn: (message: string) => void): void {
  let since = performance.now();
  let warned = false;
  const timer = setInterval(() => {
    if (run.ended) return clearInterval(timer);
    checkTask(backend, run).then(
      (tasks) => {
        if (tasks !== undefined) {
          clearInterval(timer);
        } else if (backend.gather.isRefused) {
          since = performance.now(); // that is what is told, and workers get their time once it is over
        } else if (!warned && performance.now() - since > NO_WORKER_WARNING_MS) {
          warned = true;
          warn(
            `No worker serves queue "${backend.queue}", so map ${run.id} waits for one. Start one with: npx poolmq worker <module>`,
          );
        }
      },
      (error: unknown) => {
        if (error instanceof PoolmqError) run.fail(error);
        // else Redis is away; the map waits for that too
      },
    );
  }, LOOK_FOR_WORKERS_MS);
  timer.unref();
}
