/** What users of any poolmq package may meet: options of a connection, and errors. */

// Imported first, so that a Node that is too old is reported before anything else fails.
export { UnsupportedRuntimeError } from "./host/runtime.ts";
export type { ClusterConnectionOptions, ConnectionOption } from "./redis/connection/connection-options.ts";
export type { ConnectionsOption, ServerOption } from "./redis/connection/resolve-shards.ts";
export {
  CancelledError,
  EmptyInputError,
  GetTimeoutError,
  IncompleteMapError,
  InvalidOptionError,
  InvalidStateError,
  MapIdInUseError,
  NestedPoolError,
  PoolClosedError,
  SigningKeyError,
  UnknownMapError,
} from "./errors/call-errors.ts";
export {
  BatchResultError,
  CodeVersionError,
  CorruptJobError,
  DecodeError,
  InvalidArgumentsError,
  LimitError,
  SerializationError,
  SharedValueGoneError,
  TaskNotRegisteredError,
  TaskTimeoutError,
  WireVersionError,
  WorkerLostError,
} from "./errors/item-errors.ts";
export {
  LocalMachineError,
  SystemLimitError,
  TasksModuleError,
  WorkerStartError,
} from "./errors/machine-errors.ts";
export { PoolmqError } from "./errors/poolmq-error.ts";
export {
  EmbeddedRedisError,
  EvictionPolicyError,
  RedisConnectionError,
  RedisNotFoundError,
  RedisRefusedError,
  ShardMismatchError,
  UnsupportedRedisError,
} from "./errors/redis-errors.ts";
export type { RedisConnectionReason, RefusalReason } from "./errors/redis-errors.ts";
export type { HostOptions, ProcessOptions } from "./options/host-options.ts";
export type { TaskDefaults } from "./options/task-defaults.ts";
export type { Backoff, Limit, RemoteInfo, TaskInfo } from "./wire.ts";
