/**
 * For the sibling packages: what talks to a Redis server. Importing it loads the Redis client and BullMQ, so that no
 * file that a pool in memory loads may import it; `internal.ts` exports what needs no server. Promises nothing to
 * anyone else.
 */

export { jobsOfQueue } from "./bullmq/jobs-of-queue.ts";
export { mendActiveJobs } from "./bullmq/mend-active-jobs.ts";
export { addJobs } from "./bullmq/add-jobs.ts";
export type { Completions, Publication } from "./bullmq/completions.ts";
export { AT_ONCE } from "./bullmq/plain-scripts.ts";
export { completionsOf, fetchPlainJobs, plainJobs } from "./bullmq/plain-jobs.ts";
export { FRESH_MS, readHanded, TAKE_BACK_MS, takeBack } from "./bullmq/hand-over.ts";
export type { HandedJob } from "./bullmq/hand-over.ts";
export type { FetchedJobs } from "./bullmq/plain-jobs.ts";
export { removeStrayJob } from "./bullmq/remove-stray-job.ts";
export { DelayedError, ErrorCode, Queue, WaitingError, Worker } from "./clients/clients.ts";
export { checkServer } from "./redis/check-server.ts";
export { connect } from "./redis/connection/connect.ts";
export { destroyConnection } from "./redis/connection/destroy-connection.ts";
export { SharedOpening } from "./redis/connection/shared-opening.ts";
export type { Use } from "./redis/connection/shared-opening.ts";
export { largestValue } from "./redis/largest-value.ts";
export type { LargestValue } from "./redis/largest-value.ts";
export { LARGE_VALUE_BYTES } from "./redis/large-replies.ts";
export { Listener } from "./redis/listener.ts";
export { Silence } from "./redis/silence.ts";
export type { Heard } from "./redis/listener.ts";
export { readOnce } from "./redis/read-once.ts";
export { scanKeys } from "./redis/scan-keys.ts";
export { wrongServer } from "./redis/connection/wrong-server.ts";
export { unrefConnection } from "./redis/connection/unref-connection.ts";
export { fittingMachines, isFitting } from "./signing/fitting-machines.ts";
export {
  areSignedBytes,
  checkJob,
  contentOf,
  openOutcome,
  peekAtOutcome,
  sealOutcome,
  shareFacts,
  signJob,
  signJobState,
} from "./signing/signed-job.ts";
export { askToCancel, CancelReader, tellCancelled } from "./store/cancels.ts";
export { donePageOf } from "./store/keys/done-bits.ts";
export { DurableScripts } from "./store/durable-scripts.ts";
export {
  CANCEL_TTL_MS,
  DURABLE_TTL_MS,
  MAP_TTL_MS,
  PRODUCER_SILENCE_MS,
  WATCH_TTL_MS,
} from "./store/keys/durations.ts";
export { GatherScripts } from "./store/gather-scripts.ts";
export type { MapOpening } from "./store/open-map.ts";
export { backupIdOf, jobIdOf, queueKeys } from "./store/keys/keys.ts";
export { LimitScripts } from "./store/limit-scripts.ts";
export type { QueueKeys } from "./store/keys/keys.ts";
export { lookAtTail } from "./store/look-at-tail.ts";
export type { TailReading } from "./store/look-at-tail.ts";
export { removeLimbo, restageLimbo } from "./store/limbo.ts";
export type { RemovedLimbo } from "./store/limbo.ts";
export {
  countDecided,
  forgetMap,
  isForsaken,
  isKnown,
  isOpen,
  removeMapKeys,
  removeQueueKeys,
} from "./store/map-remains.ts";
export { isPlainOutcome } from "./store/outcomes/publish-outcomes.ts";
export type { Outcome } from "./store/outcomes/publish-outcomes.ts";
export { readBounded } from "./store/keys/read-bounded.ts";
export { prioritizeWaiting, tellPriority } from "./store/prioritize.ts";
export type { Reconciled } from "./store/reconcile-jobs.ts";
export { RedisClock, redisNowMs } from "./store/keys/redis-clock.ts";
export { expireJobs, expireStages, removeStaged, removeWaiting } from "./store/remove-waiting.ts";
export { renewShares } from "./store/renew-shares.ts";
export { MachineLines } from "./store/reports/machine-lines.ts";
export { Machines } from "./store/reports/machines.ts";
export {
  MAX_MAPS,
  readMapReport,
  readReportOf,
  removeMapReports,
  rewriteMapReport,
  writeErrorGroups,
  writeMapReports,
} from "./store/reports/map-reports.ts";
export { parseObject } from "./store/reports/parse-object.ts";
export { readAdvertisement } from "./store/reports/read-advertisement.ts";
export { readFailedJob } from "./store/reports/read-failed-job.ts";
export type { StoredFailedJob } from "./store/reports/read-failed-job.ts";
export { readFailedJobs } from "./store/reports/read-failed.ts";
export type { JobCounts, QueueReading } from "./store/reports/read-queue.ts";
export { readQueue } from "./store/reports/read-queue.ts";
export { whatWaits } from "./store/reports/what-waits.ts";
export { RetryScripts } from "./store/retry-scripts.ts";
export type { FailedEntry } from "./store/retry-scripts.ts";
export { agreeOnShards } from "./store/shards/agree-on-shards.ts";
export type { ShardPlace } from "./store/shards/agree-on-shards.ts";
export { changeShards } from "./store/shards/change-shards.ts";
export type { ShardChange } from "./store/shards/change-shards.ts";
export { countStaged, removeAllStaged, wakeForStaged } from "./store/staged-jobs.ts";
