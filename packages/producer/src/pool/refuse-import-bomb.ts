import { InvalidStateError } from "@poolmq/shared";
import { loadingTasks } from "@poolmq/shared/internal";

import { callSite } from "../call/call-site.ts";

/**
 * Refuses a pool with workers of its own that is made while a worker loads the tasks module: each of its workers would
 * load the module too, and make the pool again, without end. An initializer may make a pool of other tasks.
 *
 * @param own - path of the module that the pool's workers would load
 * @throws InvalidStateError that names the place where the pool was made, and the remedy
 */
export function refuseImportBomb(own: string): void {
  const loading = loadingTasks();
  if (loading === undefined) return;
  if (loading.phase === "initializer" && loading.module !== own) return;
  const [, place = "a module that it imports"] =
    /\(?((?:file:|\/)[^()\s]+)\)?$/m.exec(callSite("new Pool")() ?? "") ?? [];
  const when =
    loading.phase === "load"
      ? `while a worker loads the tasks module ${loading.module}, because the module imports, over others perhaps, what is at ${place}`
      : `by the initializer of the tasks module ${loading.module}, at ${place}`;
  throw new InvalidStateError(
    `A pool with workers of its own was made ${when}. Each of its workers would load the module and make the pool again, without end. ` +
      "Make the pool where only the program itself runs: in its main module, or in a function that the main module calls; and keep what the tasks need in modules that make no pool.",
  );
}
