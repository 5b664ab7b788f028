import { createHash } from "node:crypto";

/** Environment variable by which a child knows the queue that it works for, without its address. */
export const RUNS_ON_VARIABLE = "POOLMQ_RUNS_ON";

/** Names a queue on a server, as a digest. */
export function runsOn(serverRunId: string, prefix: string, queue: string): string {
  return createHash("sha256").update(`${serverRunId} ${prefix} ${queue}`).digest("hex").slice(0, 32);
}
