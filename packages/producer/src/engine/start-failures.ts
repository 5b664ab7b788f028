/** Decides when a pool gives up whose workers worked once, because none can be started any more. */

import type { TasksModuleError } from "@poolmq/shared";

/** Give up after this many failed starts in a row, while no worker works, for which the module is to blame. */
const MAX_FAILED = 5;

/** Give up after this many starts that SIGKILL has ended, which does not blame the module unless it goes on and on. */
const MAX_KILLED = 100;

export class StartFailures {
  #last: TasksModuleError | undefined;
  #failed = 0;
  #killed = 0;

  /**
   * Notes the state of the workers.
   *
   * @param failure - why the last start failed, while no worker is ready
   * @returns true if waiting for another start is useless
   */
  isHopeless(failure: TasksModuleError | undefined): boolean {
    if (failure === undefined) {
      this.#failed = 0;
      this.#killed = 0;
    } else if (failure !== this.#last) {
      if (failure.phase === "exit" && failure.reason.includes("SIGKILL")) this.#killed++;
      else this.#failed++;
    }
    this.#last = failure;
    return this.#failed >= MAX_FAILED || this.#killed >= MAX_KILLED;
  }
}
