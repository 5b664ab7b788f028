/** Starts worker processes, which end with this process. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface WorkerSettings {
  readonly redis: string;
  readonly queue: string;
  /** Jobs that one process has at a time. */
  readonly concurrency: number;
}

export async function startWorkers(
  main: "./hand-written-worker.ts" | "./sandboxed-worker.ts" | "./redis-lists-worker.ts",
  processes: number,
  settings: WorkerSettings,
): Promise<{ stop(): void }> {
  const path = fileURLToPath(new URL(main, import.meta.url));
  const children = Array.from({ length: processes }, () =>
    // stdout is reserved for replies.
    fork(path, [JSON.stringify(settings)], { stdio: ["ignore", "ignore", "inherit", "ipc"] }),
  );
  await Promise.all(children.map((child) => once(child, "message")));
  return {
    stop() {
      for (const child of children) child.disconnect();
    },
  };
}
