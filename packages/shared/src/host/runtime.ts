/**
 * What this program runs on. Importing any package of poolmq imports this first, so that a Node that is too old says
 * so in one sentence, and not by whichever function it lacks.
 */

import { PoolmqError } from "../errors/poolmq-error.ts";

/** The first Node that runs `.ts` files without a flag; also `engines` of the packages. */
const OLDEST_NODE = [22, 18] as const;

/** The runtime can't do what was asked of it. */
export class UnsupportedRuntimeError extends PoolmqError {
  readonly code = "UNSUPPORTED_RUNTIME";
}

/** Says what is wrong with a runtime for everything that poolmq does; `undefined` if nothing is. */
export function complaintAbout(versions: { readonly node: string }): string | undefined {
  const [major = 0, minor = 0] = versions.node.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `poolmq needs Node ${OLDEST_NODE.join(".")} or newer, this is v${versions.node}: see https://nodejs.org/en/download`;
}

/**
 * Refuses to start worker processes where they can't run.
 *
 * @throws UnsupportedRuntimeError under Bun, whose child processes lack the channel that Node's have
 */
export function checkRunsProcesses(versions: NodeJS.ProcessVersions = process.versions): void {
  if (versions["bun"] === undefined) return;
  throw new UnsupportedRuntimeError(
    "Worker processes need Node 22.18 or newer, and this is Bun: use a ThreadPool, or give the pool `connection` and run its workers with Node (`npx poolmq worker ./tasks.ts`)",
  );
}

const complaint = complaintAbout(process.versions);
if (complaint !== undefined) throw new UnsupportedRuntimeError(complaint);
