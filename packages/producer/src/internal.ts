/** For the sibling packages and the project's own tests; promises nothing to anyone else. */

export { backoffDelayMs } from "./backoff-delay.ts";
export { startEmbeddedRedis } from "./embedded-redis.ts";
export type { EmbeddedRedis } from "./embedded-redis.ts";
export { barLine } from "./progress-line.ts";
export { findRedisServer, installHint } from "./find-redis-server.ts";
export { removeStaleFolders } from "./redis-folder.ts";
export { Pace, progressOf } from "./map-progress.ts";
export { autoChunks } from "./chunk-size.ts";
export { checkedTuples, singles } from "./input.ts";
export { MapRun } from "./map-run.ts";
export { readOutcomes } from "./read-outcomes.ts";
export type { Settled } from "./read-outcomes.ts";
export { InputReader } from "./input-reader.ts";
export type { Chunk } from "./map-run.ts";
export { ReadCounts } from "./read-counts.ts";
export { ClockShift } from "./clock-shift.ts";
export { InsightLog } from "./insight-log.ts";
export { Slots } from "./slots.ts";
export { Spread } from "./spread.ts";
export { Gather } from "./gather.ts";
export { TaskLogs } from "./task-log.ts";
