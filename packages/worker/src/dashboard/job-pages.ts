/**
 * Pages of single jobs, by bull-board: what waits, runs and is delayed, with its data. An optional peer dependency, so
 * that a worker's install stays light.
 */

import type { IncomingMessage, ServerResponse } from "node:http";

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "@poolmq/shared/redis";

/** Where the pages are. */
export const JOB_PAGES_PATH = "/jobs";

export type JobPages = (request: IncomingMessage, response: ServerResponse) => void;

export interface JobPagesOptions {
  readonly queues: readonly { readonly name: string; readonly keys: QueueKeys }[];
  /** Whether jobs can be retried, promoted and removed from the pages. */
  readonly writable: boolean;
}

/** The parts of bull-board that are used here. Its own types need those of Express. */
interface BullBoard {
  readonly createBullBoard: (options: object) => unknown;
}
interface BullMQAdapters {
  readonly BullMQAdapter: new (queue: Queue, options: object) => object;
}
interface ExpressAdapters {
  readonly ExpressAdapter: new () => { setBasePath(path: string): unknown; getRouter(): JobPages };
}

/** Imported through variables, so that the compiler does not require packages that a user may not have. */
const MODULES = ["@bull-board/api", "@bull-board/api/bullMQAdapter", "@bull-board/express"] as const;

/** Gives the pages, or why there are none. */
export async function loadJobPages(
  redis: Redis | Cluster,
  { queues, writable }: JobPagesOptions,
): Promise<JobPages | { readonly missing: string }> {
  let modules: [BullBoard, BullMQAdapters, ExpressAdapters];
  try {
    modules = (await Promise.all(MODULES.map((name) => import(name)))) as typeof modules;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return { missing: "npm install @bull-board/api @bull-board/express" };
  }
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }] = modules;
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(JOB_PAGES_PATH);
  createBullBoard({
    queues: queues.map(({ name, keys }) => {
      // Opened only to look: it must not write its own options to the queue.
      const queue = new Queue(keys.bullName, {
        connection: redis,
        prefix: keys.bullPrefix,
        skipMetasUpdate: true,
      });
      queue.on("error", () => {}); // failed commands reject for their caller
      return new BullMQAdapter(queue, { readOnlyMode: !writable, displayName: name });
    }),
    serverAdapter,
    options: { uiConfig: { boardTitle: "poolmq jobs", miscLinks: [{ text: "Dashboard", url: "/" }] } },
  });
  const router = serverAdapter.getRouter();
  return (request, response) => {
    // The router does not know the path at which it is mounted.
    request.url = (request.url ?? "").slice(JOB_PAGES_PATH.length) || "/";
    router(request, response);
  };
}
