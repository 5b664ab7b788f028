/**
 * The pool: what a producer app calls.
 *
 *  producer app                         Redis                          worker machine
 * ┌──────────────────┐   1 BullMQ job  ┌──────────────┐  BullMQ Worker ┌──────────────────────────┐
 * │ Pool.map(fn, …)  │──per chunk─────▶│ queue (jobs) │───────────────▶│ supervisor: fetches,     │
 * │  MapRun: encode, │                 │              │                │ renews locks, watches    │
 * │  window, slots   │                 │ map:<id>:out │◀──publish,─────│   │ pipe                 │
 * │  Gather: read    │◀──read──────────│ map:<id>:done│   then ack     │   ▼                      │
 * └──────────────────┘                 └──────────────┘                │ child × cores: run-item  │
 *                                                                      └──────────────────────────┘
 */

import type { Engine, EngineHost } from "../engine/engine.ts";
import { MemoryEngine } from "../engine/memory-engine.ts";
import { RedisEngine } from "../engine/redis-engine.ts";
import type { UntypedTasks } from "../call/tasks/task-types.ts";
import { resolvePoolOptions } from "../options/pool-options.ts";
import type { PoolOptions, ResolvedPoolOptions } from "../options/pool-options.ts";
import { BasePool } from "./base-pool.ts";
import { refuseImportBomb } from "./refuse-import-bomb.ts";

/**
 * A pool of worker processes, on this machine or a fleet: CPython's `multiprocessing.Pool`.
 *
 * @typeParam T - type of the tasks module, from which calls get their names, arguments and results
 * @example
 * ```ts
 * import { Pool } from "@poolmq/producer";
 * import type * as tasks from "./tasks.ts";
 *
 * await using pool = new Pool<typeof tasks>({ tasks: new URL("./tasks.ts", import.meta.url), processes: 5 });
 * console.log(await pool.map("increment", [1, 2, 3, 4, 5])); // [ 2, 3, 4, 5, 6 ]
 * ```
 */
export class Pool<T extends object = UntypedTasks> extends BasePool<T> {
  /**
   * Starts connecting and, in local mode, starts the worker processes. An error of that is reported by the next call.
   *
   * @throws InvalidOptionError
   */
  constructor(options: PoolOptions<T> = {}) {
    const resolved = resolvePoolOptions(options);
    if (resolved.local !== undefined) refuseImportBomb(resolved.local.module);
    super(resolved, (host) => engineOf(resolved, host));
  }
}

function engineOf(options: ResolvedPoolOptions, host: EngineHost): Engine {
  const { connection, local } = options;
  if (connection !== "memory") return new RedisEngine({ ...options, connection }, host);
  if (local === undefined) throw new Error("unreachable: a pool in memory has workers of its own");
  const { maxShareBytes, logger } = options;
  const durableHint =
    'add `connection: "redis://127.0.0.1:6379"`, or `connection: "embedded"` to try it out, to this pool';
  return new MemoryEngine(
    { crew: { ...local, hosts: "processes", logger }, maxShareBytes, durableHint },
    host,
  );
}
