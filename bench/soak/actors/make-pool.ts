import { Pool, ThreadPool } from "@poolmq/producer";
import type { Logger } from "pino";

import type * as tasks from "../work/tasks.ts";
import type { ProducerOptions } from "./messages.ts";

export type SoakPool = Pool<typeof tasks> | ThreadPool<typeof tasks>;

const MODULE = new URL("../work/tasks.ts", import.meta.url);

/**
 * What runs evil tasks: one item at a time, so that it is certain who is to be charged; with little memory, so that it is
 * soon exhausted. The soak kills processes at random too: an innocent item must not be hit as often as this.
 */
const OF_EVIL = { concurrency: 1, workerLossAttempts: 3 };

/** A pool may begin while Redis is away, or can't be reached. */
const CONNECT_TIMEOUT_MS = 60_000;

/** Smaller than the maps, so that it is reached. */
const WINDOW = 200;

export function makePool(
  { engine, connection, queue, signingKey }: ProducerOptions,
  log: { readonly logger?: Logger },
): SoakPool {
  switch (engine) {
    case "Redis":
      return new Pool<typeof tasks>({
        // It has no workers of its own: it folds results with a function of the module.
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
