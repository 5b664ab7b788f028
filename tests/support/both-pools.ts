import { Pool, ThreadPool } from "@poolmq/producer";
import type { CallDefaults } from "@poolmq/producer";
import type { Logger } from "pino";
import { afterAll, describe, onTestFinished } from "vitest";

import type * as tasks from "../fixtures/behaviours.ts";
import { redisForFile } from "./redis-server.ts";

/** A pool of any kind on the tasks of `fixtures/behaviours.ts`. */
type AnyPool = Pool<typeof tasks> | ThreadPool<typeof tasks>;

interface AnyPoolOptions extends CallDefaults {
  /** Processes or threads. @defaultValue 1 */
  readonly workers?: number;
  readonly concurrency?: number;
  readonly workerLossAttempts?: number;
  readonly startTimeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly tasks?: URL;
  readonly logger?: Logger;
}

/** The pools of one kind. */
export interface PoolKind {
  readonly kind: "Pool" | "Pool in memory" | "ThreadPool";
  /** A pool with two workers, for all tests that do not change it. */
  shared(): AnyPool;
  /** A pool that ends with the test. */
  own(options?: AnyPoolOptions): AnyPool;
}

/** The tasks module of the suite. */
export const BEHAVIOURS: URL = new URL("../fixtures/behaviours.ts", import.meta.url);

/** Runs the same tests on a `Pool` with processes of its own, on a real Redis and in memory, and on a `ThreadPool`. */
export function onBothPools(tests: (pools: PoolKind) => void): void {
  const redis = redisForFile();
  describe.each(["Pool", "Pool in memory", "ThreadPool"] as const)("%s", (kind) => {
    const make = ({ workers = 1, tasks: module = BEHAVIOURS, ...options }: AnyPoolOptions): AnyPool =>
      kind === "ThreadPool"
        ? new ThreadPool<typeof tasks>({ tasks: module, threads: workers, ...options })
        : new Pool<typeof tasks>({
            tasks: module,
            connection: kind === "Pool" ? redis().url : "memory",
            processes: workers,
            ...options,
          });
    let shared: AnyPool | undefined;
    afterAll(() => shared?.terminate());
    tests({
      kind,
      shared: () => (shared ??= make({ workers: 2 })),
      own(options = {}) {
        const pool = make(options);
        onTestFinished(() => pool.terminate());
        return pool;
      },
    });
  });
}
