import { isOpen, prioritizeWaiting, tellPriority } from "@poolmq/shared/redis";

import type { QueueAccess } from "./queue-access.ts";

/**
 * The result: `not found` if there is no such map; `no key` if the queue takes only signed orders and there is no key
 * here.
 */
export type Prioritized = "changed" | "not found" | "no key";

/**
 * Changes the priority of a map from outside: that of its waiting jobs, and of those that its producer sends from now on.
 */
export async function prioritizeMap(
  { redis, keys, orders }: Pick<QueueAccess, "redis" | "keys" | "orders">,
  mapId: string,
  priority: number | undefined,
): Promise<Prioritized> {
  if (!(await isOpen(redis, keys, mapId))) return "not found";
  if (await orders.lackKey()) return "no key";
  // The producer is told first, so that jobs that it sends meanwhile have the new priority already.
  await tellPriority(
    redis,
    keys,
    mapId,
    orders.signed({ t: "priority", map: mapId, priority: priority ?? 0 }),
  );
  await prioritizeWaiting(redis, keys, mapId, priority);
  return "changed";
}
