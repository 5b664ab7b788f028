import { LocalMachineError } from "@poolmq/shared";
import type * as WorkerPackage from "@poolmq/worker/local";

/**
 * Loads the workers' package, an optional peer that only some pools need.
 *
 * @param who - beginning of the error's message, such as "Threads need"
 * @throws LocalMachineError if it is not installed
 */
export async function importWorkerPackage(who: string): Promise<typeof WorkerPackage> {
  try {
    return await import("@poolmq/worker/local");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new LocalMachineError(`${who} the package @poolmq/worker: install it beside @poolmq/producer`, {
      cause,
    });
  }
}
