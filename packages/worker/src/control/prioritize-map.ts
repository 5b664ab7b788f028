import { isOpen, prioritizeWaiting, tellPriority } from "@poolmq/shared/redis";

import type { QueueAccess } from "./queue-access.ts";

/** What became of it: there is no such map; the queue's machines and producers take signed orders, and this is not one. */
export type Prioritized = "changed" | "not found" | "no key";

/** Makes a map more or less urgent from outside: what waits of it, and what its producer sends from now on. */
export async function prioritizeMap(
  { redis, keys, orders }: Pick<QueueAccess, "redis" | "keys" | "orders">,
  mapId: string,
  priority: number | undefined,
): Promise<Prioritized> {
  if (!(await isOpen(redis, keys, mapId))) return "not found";
  if (await orders.lackKey()) return "no key";
  // The producer first: what it sends while the others are moved has the new priority already.
  await tellPriority(
    redis,
    keys,
    mapId,
    orders.signed({ t: "priority", map: mapId, priority: priority ?? 0 }),
  );
  await prioritizeWaiting(redis, keys, mapId, priority);
  return "changed";
}
