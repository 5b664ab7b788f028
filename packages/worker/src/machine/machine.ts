/** Puts a worker machine together: its supervisor, its health server and its log. */

import { pino } from "pino";

import type { HealthServer } from "../health/health-server.ts";
import type { WorkerMachine } from "./worker-machine.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";

/** A worker machine that is not running yet. */
export interface StartableMachine extends WorkerMachine {
  /**
   * Begins to serve.
   *
   * @throws TasksModuleError, RedisConnectionError, UnsupportedRedisError, HealthPortError
   */
  start(): Promise<void>;
}

export function assembleMachine(options: ResolvedWorkerOptions): StartableMachine {
  // Without a log, tasks print where the machine prints, so that nothing is lost.
  const supervisor = new Supervisor(options, { prints: options.logger === undefined ? "inherit" : "log" });
  let health: HealthServer | undefined;
  const closed = supervisor.closed.then(async () => await health?.close());
  const close = async (timeoutMs?: number): Promise<void> => {
    await supervisor.close(timeoutMs);
    await closed;
  };
  return {
    id: supervisor.id,
    get tasks() {
      return supervisor.tasks;
    },
    get pids() {
      return supervisor.pids;
    },
    get healthUrl() {
      return health?.url;
    },
    closed,
    async start() {
      try {
        // The health server is started first, so that the start can be watched, and a port in use ends it before anything
        // else is started.
        health = await startHealth(supervisor, options);
      } catch (error) {
        await close();
        throw error;
      }
      await supervisor.start();
    },
    close,
    kill: () => supervisor.kill(),
    [Symbol.asyncDispose]: () => close(),
  };
}

async function startHealth(
  supervisor: Supervisor,
  { healthPort: port, healthHost: host, queue, logger = pino({ level: "silent" }) }: ResolvedWorkerOptions,
): Promise<HealthServer | undefined> {
  if (port === undefined) return undefined;
  const [{ HealthServer: Health }, { Metrics }, { Readiness }] = await Promise.all([
    import("../health/health-server.ts"),
    import("../health/metrics.ts"),
    import("../health/readiness.ts"),
  ]);
  const metrics = new Metrics(supervisor, { queue });
  const readiness = new Readiness(supervisor);
  const health = await Health.listen(
    { host, port },
    { readiness: () => readiness.report(), metrics: () => metrics.page() },
  );
  supervisor.observe(metrics);
  logger.info({ worker: supervisor.id, url: health.url }, "health checks served");
  return health;
}
