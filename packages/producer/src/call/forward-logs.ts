import type { Logger } from "pino";

import { InvalidOptionError } from "@poolmq/shared";

import { TaskLogs, toLogger } from "../account/task-log.ts";
import type { TaskLog } from "../account/task-log.ts";
import { callSafely } from "./call-hooks.ts";

/**
 * Gives the `TaskLogs` that bring the lines of a map to `onLog`, else to the pool's log.
 *
 * @throws InvalidOptionError if there is neither
 */
export function forwardLogs(
  map: { readonly id: string; readonly task: string },
  {
    onLog,
    logger,
    report,
  }: {
    readonly onLog: ((log: TaskLog) => void) | undefined;
    readonly logger: Logger | undefined;
    readonly report: (callback: string, error: unknown) => void;
  },
): TaskLogs {
  if (onLog !== undefined) {
    return new TaskLogs((log) =>
      callSafely(
        () => onLog(log),
        (error) => report("onLog", error),
      ),
    );
  }
  if (logger !== undefined) return new TaskLogs(toLogger(logger, map.id, map.task));
  throw new InvalidOptionError(
    "Expected an `onLog` together with `forwardLogs`, or a pool with a `logger`: nobody would see the lines",
  );
}
