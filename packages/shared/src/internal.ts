export { checkServer, type ServerInfo } from "./check-server.ts";
export { withoutArguments } from "./connection-failure.ts";
export {
  ResolvedConnection,
  resolveConnection,
  type ClusterConnectionOptions,
  type ConnectionOption,
  type ConnectionTarget,
} from "./connection-options.ts";
export { connect, destroyConnection, type ConnectOptions } from "./connection.ts";
export {
  EmbeddedRedisError,
  EvictionPolicyError,
  RedisConnectionError,
  RedisNotFoundError,
  UnsupportedRedisError,
  type RedisConnectionReason,
} from "./errors.ts";
export { redactUrl } from "./redact-url.ts";
export { unrefConnection } from "./unref-connection.ts";
