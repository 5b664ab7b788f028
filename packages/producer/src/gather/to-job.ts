import { WIRE_VERSION } from "@poolmq/shared/internal";
import { backupIdOf, jobIdOf } from "@poolmq/shared/redis";
import type { StoredJobData } from "@poolmq/shared/internal";
import type { Queue } from "bullmq";

import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap } from "../map/transport.ts";
import type { MapKind } from "./kinds/map-kind.ts";
import type { Seals } from "../signing/seals.ts";

/**
 * The BullMQ job that brings a chunk to a worker.
 *
 * @param isBackup - another job does so already
 */
export function toJob(
  map: CarriedMap,
  { jobFields }: MapKind,
  chunk: Chunk,
  seals: Seals,
  isBackup = false,
): Parameters<Queue["addBulk"]>[0][number] {
  const { at, n, args, bytes, shares, cut } = chunk;
  const { attempts, backoff, taskTimeoutMs, limit, priority, codeVersion, reduce, trace } = map.job;
  const metadata = trace?.(at);
  const data: StoredJobData = {
    v: WIRE_VERSION,
    map: map.id,
    at,
    ...(n === 1 ? {} : { n }),
    args,
    ...(bytes === undefined ? {} : { bytes: bytes.length }),
    ...jobFields,
    ...(taskTimeoutMs === undefined ? {} : { timeoutMs: taskTimeoutMs }),
    ...(limit === undefined ? {} : { limit }),
    ...(shares.length === 0 ? {} : { shares }),
    ...(map.job.logs?.() === true ? { logs: true } : {}),
    ...(codeVersion === undefined ? {} : { codeVersion }),
    ...(isBackup ? { backup: true } : {}),
    ...(cut === undefined ? {} : { cut }),
    ...(reduce === undefined ? {} : { reduce }),
  };
  const opts = {
    jobId: (isBackup ? backupIdOf : jobIdOf)(map.id, at),
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined
      ? {}
      : { backoff: { type: backoff.type, delay: backoff.delayMs, jitter: backoff.jitter ?? 0 } }),
    ...(priority === undefined ? {} : { priority }),
    ...(metadata === undefined ? {} : { telemetry: { metadata } }),
  };
  return { name: map.task, data: seals.job(map, chunk, data, opts), opts };
}
