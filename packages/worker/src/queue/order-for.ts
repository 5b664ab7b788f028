import { WaitingError } from "@poolmq/shared/redis";

import { classifyRefusal } from "@poolmq/shared/internal";

/**
 * Turns an error into one that tells BullMQ what to do. For an error that is not its own, BullMQ fails the job, which
 * removes it without an outcome. So a job that got stuck because Redis refused something is left alone: its lock expires,
 * and it runs again.
 */
export function orderFor(error: unknown): unknown {
  const { reason } = classifyRefusal(error);
  return reason === "unknown" || reason === "wrong-type" ? error : new WaitingError();
}
