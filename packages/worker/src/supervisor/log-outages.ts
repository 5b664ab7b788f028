import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

/** Says once that Redis is gone, and once that it is back, until `stop` is called. */
export function logOutages(
  redis: Redis | Cluster,
  address: string,
  log: Pick<Logger, "info" | "warn">,
): { stop(): void } {
  let lostAt: number | undefined;
  const onClose = (): void => {
    if (lostAt !== undefined) return;
    lostAt = performance.now();
    log.warn({ redis: address }, "Redis connection lost, trying again until it is back");
  };
  const onReady = (): void => {
    if (lostAt === undefined) return;
    const awayMs = Math.round(performance.now() - lostAt);
    log.info({ redis: address, awayMs }, "Redis connection is back");
    lostAt = undefined;
  };
  redis.on("close", onClose);
  redis.on("ready", onReady);
  return {
    stop() {
      redis.off("close", onClose);
      redis.off("ready", onReady);
    },
  };
}
