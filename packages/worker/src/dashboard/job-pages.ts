/**
 * Pages of single jobs, by bull-board: what waits, runs and is delayed, with its data. An optional peer dependency, so
 * that a worker's install stays light.
 */

import type { IncomingMessage, ServerResponse } from "node:http";

import { Queue } from "@poolmq/shared/redis";
import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "@poolmq/shared/redis";

/** Where the pages are. */
export const JOB_PAGES_PATH = "/jobs";

export type JobPages = (request: IncomingMessage, response: ServerResponse) => void;

/** A queue, or its part on one of several servers. */
interface JobPagesQueue {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
  /** What the pages call it. */
  readonly name: string;
}

export interface JobPagesOptions {
  /** Whether jobs can be retried, promoted and removed from the pages. */
  readonly writable: boolean;
}

/** The parts of bull-board that are used here. Its own types need those of Express. */
interface BullBoard {
  readonly createBullBoard: (options: object) => { addQueue(queue: object): void };
}
interface BullMQAdapters {
  readonly BullMQAdapter: new (queue: Queue, options: object) => object;
}
interface ExpressAdapters {
  readonly ExpressAdapter: new () => { setBasePath(path: string): unknown; getRouter(): JobPages };
}

/** Imported through variables, so that the compiler does not require packages that a user may not have. */
const MODULES = ["@bull-board/api", "@bull-board/api/bullMQAdapter", "@bull-board/express"] as const;

/** The pages, and how a queue gets onto them. */
export interface LoadedJobPages {
  readonly pages: JobPages;
  add(queue: JobPagesQueue): void;
}

/** Gives the pages, or why there are none. */
export async function loadJobPages({
  writable,
}: JobPagesOptions): Promise<LoadedJobPages | { readonly missing: string }> {
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
  const names = new Set<string>();
  const board = createBullBoard({
    queues: [],
    serverAdapter,
    options: { uiConfig: { boardTitle: "poolmq jobs", miscLinks: [{ text: "Dashboard", url: "/" }] } },
  });
  const add = ({ redis, keys, name }: JobPagesQueue): void => {
    // Opened only to look: it must not write its own options to the queue.
    const queue = new Queue(keys.bullName, {
      connection: redis,
      prefix: keys.bullPrefix,
      skipMetasUpdate: true,
    });
    queue.on("error", () => {}); // failed commands reject for their caller
    // The pages tell queues apart by their names, and the parts of one have the same name on all servers.
    const prefix = names.has(keys.bullName) ? { prefix: `${names.size}-` } : {};
    names.add(`${prefix.prefix ?? ""}${keys.bullName}`);
    board.addQueue(new BullMQAdapter(queue, { readOnlyMode: !writable, displayName: name, ...prefix }));
  };
  const router = serverAdapter.getRouter();
  const pages: JobPages = (request, response) => {
    // The router does not know the path at which it is mounted.
    request.url = (request.url ?? "").slice(JOB_PAGES_PATH.length) || "/";
    router(request, response);
  };
  return { pages, add };
}
