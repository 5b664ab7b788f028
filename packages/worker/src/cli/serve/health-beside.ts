/**
 * Health checks of a command that is no worker. In the image, `POOLMQ_HEALTH_PORT` is set and `poolmq healthcheck` asks
 * there, so that each command must answer there for its container to count as healthy.
 */

import { Option } from "commander";
import type { Cluster, Redis } from "ioredis";

import { settlesWithin } from "@poolmq/shared/internal";

import { HealthServer } from "../../health/health-server.ts";
import { DEFAULTS } from "../../worker-options.ts";
import { port as readPort } from "../base/integer.ts";

export interface HealthFlags {
  readonly healthPort?: number;
  readonly healthHost: string;
}

/** Shorter than the second that Kubernetes waits for an answer by default. */
const PING_TIMEOUT_MS = 500;

export function healthPortOption(): Option {
  return new Option("--health-port <port>", "serve /livez and /readyz here (default: not served)")
    .env("POOLMQ_HEALTH_PORT")
    .argParser(readPort);
}

export function healthHostOption(): Option {
  return new Option("--health-host <host>", "address to serve them on")
    .env("POOLMQ_HEALTH_HOST")
    .default(DEFAULTS.healthHost);
}

/**
 * Serves the health pages if a port was given. Gives a function that stops the server.
 *
 * @param reached - the connections that there are so far: to several servers, if a queue is spread over them
 */
export async function serveHealth(
  { healthPort: port, healthHost: host }: HealthFlags,
  reached: () => readonly (Redis | Cluster)[],
): Promise<() => Promise<void>> {
  if (port === undefined) return async () => {};
  const server = await HealthServer.listen(
    { host, port },
    {
      async readiness() {
        const all = reached();
        if (all.length === 0) return { status: "not ready", reason: "Redis was not reached yet" };
        const answer = Promise.any(all.map(async (redis) => await redis.ping()));
        if (await settlesWithin(PING_TIMEOUT_MS, answer)) return { status: "ready" };
        return { status: "not ready", reason: `Redis did not answer a PING within ${PING_TIMEOUT_MS} ms` };
      },
    },
  );
  return () => server.close();
}
