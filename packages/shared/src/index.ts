/** What users of any poolmq package may meet: options of a connection, and errors. */

export type { ClusterConnectionOptions, ConnectionOption } from "./redis/connection-options.ts";
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
  SigningKeyError,
  TaskNotRegisteredError,
  TasksModuleError,
  TaskTimeoutError,
  UnknownMapError,
  UnsupportedRedisError,
  WireVersionError,
  WorkerLostError,
  WorkerStartError,
} from "./errors/errors.ts";
export type { RedisConnectionReason } from "./errors/errors.ts";
export type { TaskDefaults } from "./options/task-defaults.ts";
export type { Backoff, RemoteInfo, TaskInfo } from "./wire.ts";
