import type { TaskInfo } from "@poolmq/shared/internal";

import type { WorkerOptions } from "../worker-options.ts";

/** A running worker machine. */
export interface WorkerMachine extends AsyncDisposable {
  /** Unique id: host, process id and a random part. */
  readonly id: string;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, TaskInfo>>;
  /** Process ids of the living children. */
  readonly pids: readonly number[];
  /** Where health checks and metrics are served, such as `http://127.0.0.1:9090`; `undefined` without `healthPort`. */
  readonly healthUrl: string | undefined;
  /** Resolves when the machine has stopped. */
  readonly closed: Promise<void>;
  /** Stops taking work, finishes what runs, hands back the rest; kills what is left after `timeoutMs`. */
  close(timeoutMs?: number): Promise<void>;
  /** Stops at once: kills the children; other machines take over what they ran. */
  kill(): void;
}

/**
 * Serves a queue with the functions of a tasks module, on this machine's cores. The functions run in child processes;
 * this process only supervises, so it must not be one whose event loop is ever blocked for seconds.
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
  // Loaded only here: a tasks module may import this package for `taskContext`, and needs none of this.
  const [{ assembleMachine }, { resolveWorkerOptions }] = await Promise.all([
    import("./machine.ts"),
    import("../worker-options.ts"),
  ]);
  const machine = assembleMachine(resolveWorkerOptions(options));
  await machine.start();
  return machine;
}
