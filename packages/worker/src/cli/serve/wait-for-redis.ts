/** Commands that serve until they are told to stop wait for a Redis that is not there yet, as workers do. */

import type { Cluster, Redis } from "ioredis";

import type { ResolvedConnection } from "@poolmq/shared/internal";

import { reachRedis } from "../../supervisor/reach-redis.ts";
import { complain } from "../base/queue-command.ts";
import { tellOfPoolsInMemory } from "../base/report-error.ts";

/**
 * Opens a connection, however long that takes, and says once a minute on stderr what it waits for. If the process is
 * told to stop meanwhile, it ends.
 *
 * @throws RedisConnectionError if waiting can't help
 */
export async function waitForRedis(resolved: ResolvedConnection, name: string): Promise<Redis | Cluster> {
  const stop = (): never => process.exit(0);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, stop);
  // Keeps the process alive: neither the pause between attempts nor the health server does.
  const alive = setInterval(() => {}, 60_000);
  let isTold = false;
  try {
    const { signal } = new AbortController();
    return await reachRedis(resolved, { role: "commands", name, signal }, 0, {
      warn({ reason }) {
        complain(`Waiting for Redis. ${reason}`);
        if (!isTold) tellOfPoolsInMemory();
        isTold = true;
      },
    });
  } finally {
    clearInterval(alive);
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, stop);
  }
}
