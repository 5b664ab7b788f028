import type { ClusterOptions, RedisOptions } from "ioredis";

import { Cluster, Redis } from "../../clients/clients.ts";

import { withoutArguments } from "./connection-failure.ts";
import type { ResolvedConnection } from "./connection-options.ts";
import { destroyConnection } from "./destroy-connection.ts";
import { forDuplicates } from "./for-duplicates.ts";
import { ATTEMPT_TIMEOUT_MS, untilReady } from "./until-ready.ts";
import { WrongServerWatch } from "./wrong-server.ts";

export interface ConnectOptions {
  /**
   * What the connection is for: shows in its name. Commands that block need a connection of
   * their own, and must not block for more than 10 s: see `SILENCE_MS`.
   */
  readonly role: "commands" | "blocking";
  /**
   * Shown by `CLIENT LIST` as `poolmq:<name>:<role>`.
   * @defaultValue the process id
   */
  readonly name?: string;
  /**
   * How long to try until the first connection stands, in ms. Later, a connection that is lost is tried for ever.
   * @defaultValue 10_000
   */
  readonly connectTimeoutMs?: number;
  /** Makes it give up at once when it fires. */
  readonly signal?: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A command without any answer for this long means a dead link, and the connection is made anew. TCP itself needs a
 * quarter of an hour for that if the other side vanished. Must be longer than any blocking command: BullMQ blocks for up to
 * 10 s.
 */
const SILENCE_MS = 15_000;

/**
 * After this long without traffic, the system probes the link ten times, a second apart, and so notices that it is
 * dead.
 */
const KEEP_ALIVE_MS = 5_000;

/** BullMQ's and ioredis's own back-offs grow to 20 s and 5 s, which is added to every outage. */
const retryDelayMs = (attempt: number): number => Math.min(attempt * 100, 500);

// 60 s of redirections and failed nodes, as long as a Cluster's failover may take; ioredis gives up after 1.6 s.
const CLUSTER_RETRY = {
  maxRedirections: 240,
  retryDelayOnFailover: 250,
  retryDelayOnClusterDown: 250,
  retryDelayOnTryAgain: 250,
};

/**
 * Opens a connection with what BullMQ and poolmq need: it reconnects for ever and quickly, sends again what had no
 * answer, moves on from a demoted or loading server, and notices a dead link. Its `error` events are handled (they never
 * crash the process), and so are those of its duplicates.
 *
 * @throws RedisConnectionError if it does not stand within `connectTimeoutMs`; at once if waiting can't help (password,
 * certificate, database number, …). Nothing is left open then.
 *
 * @example
 * ```ts
 * const redis = await connect(resolved, { role: "commands", name: "producer" });
 * await checkServer(redis, resolved.address);
 * ```
 */
export async function connect(
  resolved: ResolvedConnection,
  options: ConnectOptions,
): Promise<Redis | Cluster> {
  options.signal?.throwIfAborted();
  const waitMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const watch = new WrongServerWatch();
  const connection = open(resolved, options, Math.min(waitMs, ATTEMPT_TIMEOUT_MS), watch);
  watch.watch(connection);
  handleErrors(connection);
  try {
    await untilReady(connection, resolved, waitMs, options.signal);
    return connection;
  } catch (error) {
    destroyConnection(connection);
    throw error;
  }
}

function open(
  resolved: ResolvedConnection,
  { role, name }: ConnectOptions,
  attemptMs: number,
  watch: WrongServerWatch,
): Redis | Cluster {
  const target = resolved.target();
  // CLIENT SETNAME refuses spaces and control characters.
  const connectionName = `poolmq:${name ?? process.pid}:${role}`.replace(/[^!-~]/g, "-");
  if (target.kind === "cluster") {
    return new Cluster([...target.nodes], {
      slotsRefreshTimeout: 2_000,
      ...CLUSTER_RETRY,
      ...target.options,
      lazyConnect: false,
      enableOfflineQueue: true,
      scaleReads: "master",
      clusterRetryStrategy: retryDelayMs,
      redisOptions: redisOptions(target.options.redisOptions ?? {}, connectionName, attemptMs, watch),
    } satisfies ClusterOptions);
  }
  return new Redis(redisOptions(target.options, connectionName, attemptMs, watch));
}

function redisOptions(
  given: RedisOptions,
  connectionName: string,
  attemptMs: number,
  watch: WrongServerWatch,
): RedisOptions & { replyMapping: "legacy" } {
  return {
    keepAlive: KEEP_ALIVE_MS,
    connectTimeout: attemptMs,
    socketTimeout: SILENCE_MS,
    maxLoadingRetryTime: 500,
    sentinelCommandTimeout: ATTEMPT_TIMEOUT_MS,
    ...given,
    // The options below override the user's: without them, work would be lost or would wait for ever.
    connectionName,
    replyMapping: "legacy",
    lazyConnect: false,
    enableOfflineQueue: true,
    enableReadyCheck: true,
    autoResendUnfulfilledCommands: true,
    // Code that subscribes does so again itself when the connection is ready. ioredis would do it without handling the
    // answer, and a refusal would end this process as an unhandled rejection.
    autoResubscribe: false,
    maxRetriesPerRequest: null,
    retryStrategy: retryDelayMs,
    sentinelRetryStrategy: retryDelayMs,
    // 2 tells ioredis to reconnect and send the command again.
    reconnectOnError: (error) => (watch.isOf(error) ? 2 : false),
  };
}

/** ioredis prints errors that nobody listens to, with the arguments of the command: the password, for AUTH. */
function handleErrors(connection: Redis | Cluster): void {
  connection.on("error", withoutArguments);
  forDuplicates(connection, handleErrors);
  if (!connection.isCluster) return allowRefusals(connection as Redis);
  connection.on("node error", withoutArguments);
  // A Cluster asks for its slots on duplicates of its nodes, and reports only that this failed; the nodes' errors say
  // why.
  connection.on("+node", (node: Redis) => {
    allowRefusals(node);
    forDuplicates(node, (asking) => {
      asking.on("error", (error: Error) => connection.emit("node error", withoutArguments(error)));
    });
  });
}

/**
 * Each refused command for which ioredis reconnects adds a listener to the same socket, which lives for some ms more. With
 * many commands under way, Node would warn the app of a leak.
 */
function allowRefusals(connection: Redis): void {
  connection.on("connect", () => {
    const { stream } = connection as unknown as { readonly stream?: { setMaxListeners(most: number): void } };
    stream?.setMaxListeners(0);
  });
}
