/**
 * What poolmq takes of BullMQ and ioredis, but for types. The build puts a copy of these parts in place of this file, which
 * loads in a third of the time (`scripts/lib/bundle-clients.mjs`).
 */

export {
  createRedisBackend,
  DelayedError,
  ErrorCode,
  Queue,
  raw2NextJobData,
  WaitingError,
  Worker,
} from "bullmq";
export { Cluster, Command, Redis } from "ioredis";
