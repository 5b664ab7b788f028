/** Cancelling a map from outside of its producer. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "./keys.ts";
import type { MapView } from "./queue-view.ts";
import { runScript } from "./run-script.ts";
import type { Script } from "./run-script.ts";
import type { ControlMessage } from "./wire.ts";

/** ARGV: reason. Gives 0 if nobody wants the map. Its producer reads this between its outcomes, and cancels it. */
const ASK: Script = {
  lua: `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'cancel', ARGV[1])
return 1`,
};

/**
 * Cancels a map: asks its producer, whose call then rejects with a `CancelledError`. If the producer is gone, the map's
 * keys go, and workers drop what waits of it.
 *
 * @returns false if the map is not there any more
 */
export async function cancelMap(
  redis: Redis | Cluster,
  keys: QueueKeys,
  { id, producer }: Pick<MapView, "id" | "producer">,
  reason: string,
): Promise<boolean> {
  const [done, out] = [keys.done(id), keys.out(id)];
  if (producer.alive) return (await runScript(redis, ASK, [done, out], [reason])) === 1;
  const gone = await redis.unlink(done, out, keys.meta(id), keys.args(id), keys.errors(id));
  await redis.publish(keys.control, JSON.stringify({ t: "cancel", map: id } satisfies ControlMessage));
  await Promise.all([redis.zrem(keys.maps, id), redis.hdel(keys.mapInfo, id)]);
  return gone > 0;
}
