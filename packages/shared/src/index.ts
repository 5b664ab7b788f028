/** What users of any poolmq package may meet: options of a connection, and errors. */

export type { ClusterConnectionOptions, ConnectionOption } from "./connection-options.ts";
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
} from "./errors.ts";
export type { RedisConnectionReason } from "./errors.ts";
export type { RemoteInfo } from "./wire.ts";
