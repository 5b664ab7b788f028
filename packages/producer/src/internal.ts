/** For the sibling packages and the project's own tests; promises nothing to anyone else. */

export { backoffDelayMs } from "./engine/backoff-delay.ts";
export { StartFailures } from "./engine/start-failures.ts";
export { FairQueue } from "./engine/fair-queue.ts";
export { startEmbeddedRedis } from "./embedded-redis/embedded-redis.ts";
export type { EmbeddedRedis } from "./embedded-redis/embedded-redis.ts";
export { barLine } from "./progress-bar/progress-line.ts";
export { findRedisServer, installHint } from "./embedded-redis/find-redis-server.ts";
export { removeStaleFolders } from "./embedded-redis/redis-folder.ts";
export { Pace, progressOf } from "./account/map-progress.ts";
export { autoChunks } from "./map/chunk-size.ts";
export { checkedTuples, singles } from "./map/input.ts";
export { MapRun } from "./map/map-run.ts";
export { readOutcomes } from "./map/read-outcomes.ts";
export type { Settled } from "./map/read-outcomes.ts";
export { InputReader } from "./map/input-reader.ts";
export type { Chunk } from "./map/chunk.ts";
export { ReadCounts } from "./gather/read-counts.ts";
export { ClockShift } from "./gather/clock-shift.ts";
export { InsightLog } from "./account/insight-log.ts";
export { Slots } from "./result/ordered-results.ts";
export { Gather } from "./gather/gather.ts";
export { TaskLogs } from "./account/task-log.ts";
export { decide } from "./gather/reconcile.ts";
export { Patience } from "./gather/patience.ts";
export { InFlight } from "./map/in-flight.ts";
export { ReaderPace } from "./map/reader-pace.ts";
