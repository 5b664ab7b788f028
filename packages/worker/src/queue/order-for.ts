import { WaitingError } from "bullmq";

import { classifyRefusal } from "@poolmq/shared/internal";

/**
 * What BullMQ is told of an error. For one that is not its own it fails the job, which removes it without an outcome. So a
 * job that got stuck because Redis refused something is left as it is: its lock expires, and it runs again.
 */
export function orderFor(error: unknown): unknown {
  const { reason } = classifyRefusal(error);
  return reason === "unknown" || reason === "wrong-type" ? error : new WaitingError();
}
