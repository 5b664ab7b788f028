export { Pool } from "./pool.ts";
export { ThreadPool } from "./thread-pool.ts";
export type { ThreadPoolOptions } from "./thread-pool-options.ts";
export type { BasePool, PoolState } from "./base-pool.ts";
export type { PoolStats } from "./backend.ts";
export type { LocalOptions, PoolOptions } from "./pool-options.ts";
export type { CallDefaults, CallOptions } from "./call-options.ts";
export { ApplyResult } from "./apply-result.ts";
export type { Handle } from "./handle.ts";
export { MapResult } from "./map-result.ts";
export type { ChunkInsights, MapInsights, ProcessShare, SlowJob } from "./map-insights.ts";
export type { MapProgress } from "./map-progress.ts";
export type { TaskLog } from "./task-log.ts";
export type { TelemetryOptions } from "./telemetry-options.ts";
export type { TimeSpread } from "./spread.ts";
export { ResultStream } from "./result-stream.ts";
export { Shared } from "./shared.ts";
export type {
  ArgumentOf,
  ArgumentsOf,
  Items,
  MapTaskName,
  MapTaskRef,
  ResultOf,
  TaskName,
  TaskRef,
  UntypedTasks,
} from "./task-types.ts";
export {
  CancelledError,
  CorruptJobError,
  DecodeError,
  EmbeddedRedisError,
  EvictionPolicyError,
  GetTimeoutError,
  IncompleteMapError,
  InvalidOptionError,
  InvalidStateError,
  LimitError,
  LocalMachineError,
  MapIdInUseError,
  NestedPoolError,
  PoolClosedError,
  PoolmqError,
  RedisConnectionError,
  RedisNotFoundError,
  SerializationError,
  SharedValueGoneError,
  TaskNotRegisteredError,
  TasksModuleError,
  TaskTimeoutError,
  UnknownMapError,
  UnsupportedRedisError,
  WireVersionError,
  WorkerLostError,
  WorkerStartError,
} from "@poolmq/shared";
export type {
  Backoff,
  ClusterConnectionOptions,
  ConnectionOption,
  RedisConnectionReason,
  RemoteInfo,
  TaskDefaults,
} from "@poolmq/shared";
