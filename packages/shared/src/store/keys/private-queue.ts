/** Names of private queues. Such a queue belongs to one pool, and no other process knows it. */

import { randomBytes } from "node:crypto";

const NAME = /^local-[0-9a-f]{12}$/;

/** Gives a name that no other queue has. */
export function privateQueueName(): string {
  return `local-${randomBytes(6).toString("hex")}`;
}

/** Whether a queue has a name that `privateQueueName` made. */
export function isPrivateQueueName(queue: string): boolean {
  return NAME.test(queue);
}
