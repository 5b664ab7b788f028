export { Pool } from "./pool.ts";
export type { PoolState } from "./pool.ts";
export type { CallOptions, LocalOptions, PoolOptions } from "./pool-options.ts";
export { MapResult } from "./map-result.ts";
export type { MapProgress } from "./map-result.ts";
export type {
  ArgumentOf,
  ArgumentsOf,
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
  InvalidOptionError,
  InvalidStateError,
  LimitError,
  LocalMachineError,
  PoolClosedError,
  PoolmqError,
  RedisConnectionError,
  RedisNotFoundError,
  SerializationError,
  TaskNotRegisteredError,
  TaskTimeoutError,
  UnsupportedRedisError,
  WireVersionError,
  WorkerLostError,
} from "@poolmq/shared";
export type {
  ClusterConnectionOptions,
  ConnectionOption,
  RedisConnectionReason,
  RemoteInfo,
} from "@poolmq/shared";
