export { Pool } from "./pool/pool.ts";
export { ThreadPool } from "./pool/thread-pool.ts";
export type { ThreadPoolOptions } from "./options/thread-pool-options.ts";
export type { BasePool } from "./pool/base-pool.ts";
export type { PoolState } from "./pool/pool-life.ts";
export type { PoolStats } from "./engine/engine.ts";
export type { LocalOptions } from "./options/local-options.ts";
export type { PoolOptions } from "./options/pool-options.ts";
export type { CallDefaults, CallOptions, SpeculateOptions } from "./options/call-options.ts";
export type { ReduceOptions } from "./options/reduce-options.ts";
export { ApplyResult } from "./result/apply-result.ts";
export type { FailureGroup } from "./result/failure-groups.ts";
export type { Handle } from "./result/handle.ts";
export { MapResult } from "./result/map-result.ts";
export type {
  ChunkInsights,
  MapInsights,
  ProcessShare,
  SlowJob,
  TimeSpread,
} from "./account/map-insights.ts";
export type { MapProgress } from "./account/map-progress.ts";
export type { TaskLog } from "./account/task-log.ts";
export type { TelemetryOptions } from "./options/telemetry-options.ts";
export { ReduceResult } from "./result/reduce-result.ts";
export { ResultStream } from "./result/result-stream.ts";
export { Shared } from "./input/shared.ts";
export type { TaskDoor, TaskDoors } from "./call/tasks/task-doors.ts";
export type {
  ArgumentOf,
  ArgumentsOf,
  Items,
  MapTask,
  MapTaskName,
  Reducer,
  ResultOf,
  Task,
  TaskName,
  TaskRef,
  UntypedTasks,
} from "./call/tasks/task-types.ts";
export {
  BatchResultError,
  CancelledError,
  CodeVersionError,
  CorruptJobError,
  DecodeError,
  EmbeddedRedisError,
  EmptyInputError,
  EvictionPolicyError,
  GetTimeoutError,
  IncompleteMapError,
  InvalidArgumentsError,
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
  RedisRefusedError,
  SerializationError,
  ShardMismatchError,
  SharedValueGoneError,
  SigningKeyError,
  SystemLimitError,
  TaskNotRegisteredError,
  TasksModuleError,
  TaskTimeoutError,
  UnknownMapError,
  UnsupportedRedisError,
  UnsupportedRuntimeError,
  WireVersionError,
  WorkerLostError,
  WorkerStartError,
} from "@poolmq/shared";
export type {
  Backoff,
  ClusterConnectionOptions,
  ConnectionOption,
  ConnectionsOption,
  HostOptions,
  Limit,
  ProcessOptions,
  RedisConnectionReason,
  RefusalReason,
  RemoteInfo,
  ServerOption,
  TaskDefaults,
} from "@poolmq/shared";
