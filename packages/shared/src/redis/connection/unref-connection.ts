import { setImmediate } from "node:timers";

import type { Cluster, Redis } from "ioredis";

import { forDuplicates } from "./for-duplicates.ts";

interface Unrefable {
  unref(): unknown;
}

/**
 * Parts of ioredis that hold the event loop and have no public handle (ioredis 6.0). Each is optional, so that a
 * version without one of them costs at most a delayed exit.
 */
interface RedisInternals {
  stream?: Unrefable;
  reconnectTimeout?: Unrefable | null;
  socketTimeoutTimer?: Unrefable;
  setSocketTimeout?: () => void;
  connector?: {
    connect?: (...args: unknown[]) => Promise<Unrefable>;
    /** Sentinel only: opens the short-lived connection that asks for the primary. */
    connectToSentinel?: (...args: unknown[]) => Redis;
  };
}

interface ClusterInternals {
  reconnectTimeout?: Unrefable | null;
  slotsTimer?: Unrefable | null;
  subscriber?: { selectSubscriber?: () => void; getInstance?: () => Redis | null | undefined };
}

const done = new WeakSet<Redis | Cluster>();

/**
 * Makes a connection, and whatever is duplicated from it, never keep the process alive by itself: neither while it is
 * open, nor while it waits for a reply, nor while it reconnects. Code that waits for a reply must keep the process
 * alive by other means. One exception remains: an attempt to connect to a host that drops packets keeps the process
 * alive until it times out (`connectTimeout`, 5 s), because the system call can't be unref'd.
 */
export function unrefConnection(connection: Redis | Cluster): void {
  if (done.has(connection)) return;
  done.add(connection);
  if (connection.isCluster) unrefCluster(connection as Cluster);
  else unrefRedis(connection as Redis);
  forDuplicates(connection, unrefConnection);
}

function unrefRedis(redis: Redis): void {
  const internals = redis as unknown as RedisInternals;
  const unrefStream = () => internals.stream?.unref();
  unrefStream();
  internals.reconnectTimeout?.unref();
  internals.socketTimeoutTimer?.unref();
  // A new instance has asked for its first socket already, and gets it a tick later.
  setImmediate(unrefStream);
  redis.on("connect", unrefStream);

  // The socket of each later attempt is reached through the connector, before it is connected.
  const { connector } = internals;
  const connect = connector?.connect;
  if (connector && connect) {
    connector.connect = async (...args) => {
      const stream = await connect.apply(connector, args);
      stream.unref();
      return stream;
    };
  }
  const connectToSentinel = connector?.connectToSentinel;
  if (connector && connectToSentinel) {
    connector.connectToSentinel = (...args) => {
      const sentinel = connectToSentinel.apply(connector, args);
      unrefConnection(sentinel);
      return sentinel;
    };
  }
  // Emitted in the tick after the timer was set.
  redis.on("reconnecting", () => internals.reconnectTimeout?.unref());

  const { setSocketTimeout } = internals;
  if (setSocketTimeout) {
    internals.setSocketTimeout = () => {
      setSocketTimeout.call(redis);
      internals.socketTimeoutTimer?.unref();
    };
  }
}

function unrefCluster(cluster: Cluster): void {
  const internals = cluster as unknown as ClusterInternals;
  for (const node of cluster.nodes()) unrefConnection(node);
  cluster.on("+node", (node: Redis) => unrefConnection(node));

  internals.reconnectTimeout?.unref();
  cluster.on("reconnecting", () => internals.reconnectTimeout?.unref());
  internals.slotsTimer?.unref();
  cluster.on("refresh", () => process.nextTick(() => internals.slotsTimer?.unref()));

  const { subscriber } = internals;
  const unrefSubscriber = () => {
    const redis = subscriber?.getInstance?.();
    if (redis) unrefConnection(redis);
  };
  unrefSubscriber();
  const selectSubscriber = subscriber?.selectSubscriber;
  if (subscriber && selectSubscriber) {
    subscriber.selectSubscriber = () => {
      selectSubscriber.call(subscriber);
      unrefSubscriber();
    };
  }
}
