import { WIRE_VERSION } from "@poolmq/shared/internal";
import type { JobData, RemoteInfo } from "@poolmq/shared/internal";
import type { RunEnd } from "@poolmq/worker/local";

import type { Chunk } from "../../input/chunk.ts";
import type { CarriedMap } from "../../map/transport.ts";

/** A chunk on its way. */
export interface MemoryJob {
  readonly map: CarriedMap;
  readonly chunk: Chunk;
  readonly data: JobData;
  readonly attempt: number;
  readonly priority: number | undefined;
}

/** Names a worker in errors. */
export type WorkerPid = Pick<RemoteInfo, "worker" | "pid">;

/** What a worker machine would read of a chunk in Redis. */
export function dataOf(
  map: CarriedMap,
  chunk: Chunk,
  timeoutMs: number | undefined,
  isBackup: boolean,
): JobData {
  const { at, n, args, shares, cut } = chunk;
  return {
    v: WIRE_VERSION,
    map: map.id,
    at,
    n,
    args,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(shares.length === 0 ? {} : { shares }),
    ...(isBackup ? { backup: true } : {}),
    ...(cut === undefined ? {} : { cut }),
  };
}

/** When it was enqueued, by the wall clock, which all processes share; `undefined` if it was run before. */
export function enqueuedAtMs({ chunk, data, attempt }: MemoryJob): number | undefined {
  if (chunk.sentAt === undefined || attempt > 1 || data.suspect !== undefined) return undefined;
  return Date.now() - (performance.now() - chunk.sentAt);
}

/** Says of an item where it ran, for its error. @param offset - of the item in the job */
export function infoOf({ map, data, attempt }: MemoryJob, offset: number, by: WorkerPid): RemoteInfo {
  return { task: map.task, index: data.at + offset, attempt, ...by };
}

/** Who has run a job, as outcomes in Redis say it (`wire.ts`); `undefined` if nobody has. */
export function ranBy({ data, attempt }: MemoryJob, end: RunEnd, worker: string): string | undefined {
  if (!("pid" in end)) return undefined;
  const who = `${worker} ${end.pid}`;
  const losses = (data.suspect?.losses ?? 0) + (end.kind === "lost" ? 1 : 0);
  if (data.backup === true) return `${who} ${attempt} ${losses} backup`;
  return attempt === 1 && losses === 0 ? who : `${who} ${attempt} ${losses}`;
}
