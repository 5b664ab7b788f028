import { Pool, ThreadPool } from "@poolmq/producer";
import type { Logger } from "pino";

import type * as tasks from "../work/tasks.ts";
import type { ProducerOptions } from "./messages.ts";

export type SoakPool = Pool<typeof tasks> | ThreadPool<typeof tasks>;

const MODULE = new URL("../work/tasks.ts", import.meta.url);

/**
 * For pools with evil tasks: one item at a time, so that it is certain which item is to be charged, and little memory, so
 * that it is soon exhausted. `workerLossAttempts` is higher than the number of times that the soak's random kills hit an
 * innocent item.
 */
const OF_EVIL = { concurrency: 1, workerLossAttempts: 3 };

/** A pool may begin while Redis is away, or can't be reached. */
const CONNECT_TIMEOUT_MS = 300_000;

/** Smaller than the maps, so that it is reached. */
const WINDOW = 200;

export function makePool(
  { engine, connection, queue, signingKey }: ProducerOptions,
  log: { readonly logger?: Logger },
): SoakPool {
  switch (engine) {
    case "Redis":
      return new Pool<typeof tasks>({
        // The pool has no workers of its own, but folds results with a function of this module.
        tasks: MODULE,
        connection,
        queue,
        signingKey,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        window: WINDOW,
        ...log,
      });
    case "processes": {
      const env = { NODE_OPTIONS: "--max-old-space-size=64" };
      const own = { tasks: MODULE, processes: 2, env, ...OF_EVIL };
      return new Pool<typeof tasks>({ connection: "memory", window: WINDOW, ...own, ...log });
    }
    case "threads":
      return new ThreadPool<typeof tasks>({
        tasks: MODULE,
        threads: 2,
        maxMemoryPerThreadMb: 64,
        ...OF_EVIL,
        ...log,
      });
    default:
      return engine satisfies never;
  }
}
