import type { WorkerMachine } from "./worker-machine.ts";
import type { WorkerOptions } from "../worker-options.ts";

/**
 * Serves a queue with the functions of a tasks module, on this machine's cores. The functions run in child processes;
 * this process only supervises, so its event loop must never be blocked for seconds.
 *
 * @throws InvalidOptionError, TasksModuleError (the module does not load), RedisConnectionError, UnsupportedRedisError,
 * HealthPortError
 * @example
 * ```ts
 * // worker.ts
 * import { runWorker } from "@poolmq/worker";
 *
 * await using machine = await runWorker({ module: "./tasks.ts", connection: "redis://127.0.0.1:6379" });
 * await machine.closed;
 * ```
 */
export async function runWorker(options: WorkerOptions): Promise<WorkerMachine> {
  // Imported here, because a tasks module that imports this package for `taskContext` needs none of it.
  const [{ assembleMachine }, { resolveWorkerOptions }] = await Promise.all([
    import("./machine.ts"),
    import("../worker-options.ts"),
  ]);
  const machine = assembleMachine(resolveWorkerOptions(options));
  await machine.start();
  return machine;
}
