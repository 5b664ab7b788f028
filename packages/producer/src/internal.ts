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
export { autoChunks } from "./input/chunk-size.ts";
export { checkedTuples, singles } from "./input/input.ts";
export { MapRun } from "./map/map-run.ts";
export { readOutcomes } from "./map/read-outcomes.ts";
export type { Settled } from "./map/read-outcomes.ts";
export { InputReader } from "./input/input-reader.ts";
export type { Chunk } from "./input/chunk.ts";
export { ReadCounts } from "./outcomes/read-counts.ts";
export { ClockShift } from "./outcomes/clock-shift.ts";
export { InsightLog } from "./account/insight-log.ts";
export { Slots } from "./result/ordered-results.ts";
export { Gather } from "./gather/gather.ts";
export { TaskLogs } from "./account/task-log.ts";
export { decide } from "./gather/reconcile.ts";
export { Patience } from "./gather/patience.ts";
export { InFlight } from "./map/in-flight.ts";
export { WorkWindow } from "./map/work-window.ts";
export { ReaderPace } from "./input/reader-pace.ts";
