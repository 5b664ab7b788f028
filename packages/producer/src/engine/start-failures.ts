/** When a pool whose workers worked once gives up, because none can be started any more. */

import type { TasksModuleError } from "@poolmq/shared";

/** So many starts in a row that the module itself failed, with no worker that works. */
const MAX_FAILED = 5;

/** So many that somebody ended by SIGKILL: that says nothing of the module, unless it goes on and on. */
const MAX_KILLED = 100;

export class StartFailures {
  #last: TasksModuleError | undefined;
  #failed = 0;
  #killed = 0;

  /**
   * Takes note of how the workers are.
   *
   * @param failure - why the last start came to nothing, while no worker is ready
   * @returns true if it is of no use to wait for another start
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
