import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { adviceFor, classifyFailure } from "./connection/connection-failure.ts";
import { EvictionPolicyError, RedisConnectionError, UnsupportedRedisError } from "../errors/redis-errors.ts";
import { classifyRefusal, refusedError } from "./refusal.ts";
import { untilNotRefused } from "./until-not-refused.ts";

/** What a server says of itself. */
export interface ServerInfo {
  readonly product: "redis" | "valkey";
  /** The product's own version. */
  readonly version: string;
  /** Changes when the server restarts. */
  readonly runId: string;
}

/** First Redis with what BullMQ recommends and poolmq's scripts use. */
const MINIMUM = "6.2";

/**
 * How long a replica may take to be promoted: in a failover, one may connect a moment too early. A server that is still
 * a replica after this is refused.
 */
const PROMOTION_MS = 3_000;
const PROMOTION_POLL_MS = 200;

/**
 * Refuses a server that poolmq can't work on: older than Redis 6.2, allowed to evict keys, a read-only replica, or a Cluster
 * that was connected to as a single server. Asks INFO (not CONFIG, which a least-privilege login lacks), in one round trip; on a
 * Cluster it asks every primary.
 *
 * @param patienceMs - how long to wait for a server that a script keeps busy. @defaultValue 10,000
 * @throws UnsupportedRedisError, EvictionPolicyError, RedisConnectionError, RedisRefusedError
 */
export async function checkServer(
  connection: Redis | Cluster,
  address: string,
  patienceMs?: number,
): Promise<ServerInfo> {
  if (!connection.isCluster) return checkNode(connection as Redis, address, false, patienceMs);
  const primaries = (connection as Cluster).nodes("master");
  const infos = await Promise.all(
    primaries.map((node) => checkNode(node, `${node.options.host}:${node.options.port}`, true, patienceMs)),
  );
  const [first] = infos.toSorted((a, b) => (a.runId < b.runId ? -1 : 1));
  if (first === undefined) throw new UnsupportedRedisError({ address, version: undefined, minimum: MINIMUM });
  return first;
}

async function checkNode(
  redis: Redis,
  address: string,
  inCluster: boolean,
  patienceMs: number | undefined,
): Promise<ServerInfo> {
  let fields = parseInfo(await readInfo(redis, address, patienceMs));
  const until = performance.now() + PROMOTION_MS;
  while (fields.get("role") === "slave" && performance.now() < until) {
    await delay(PROMOTION_POLL_MS);
    fields = parseInfo(await readInfo(redis, address, patienceMs));
  }
  const version = fields.get("redis_version");
  // Valkey gives the Redis version that it is compatible with, and its own.
  const valkey = fields.get("valkey_version");
  if (version === undefined || isOlder(version, MINIMUM)) {
    throw new UnsupportedRedisError({ address, version, minimum: MINIMUM });
  }
  const policy = fields.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") throw new EvictionPolicyError({ address, policy });
  if (!inCluster && (fields.get("redis_mode") ?? fields.get("server_mode")) === "cluster") {
    const failure = { reason: "cluster", detail: "it is a node of a Cluster" } as const;
    throw new RedisConnectionError({ ...failure, address, advice: adviceFor(failure, address) });
  }
  if (fields.get("role") === "slave") {
    const failure = { reason: "replica", detail: "it is a read-only replica" } as const;
    throw new RedisConnectionError({ ...failure, address, advice: adviceFor(failure, address) });
  }
  const runId = fields.get("run_id") ?? "";
  return valkey === undefined
    ? { product: "redis", version, runId }
    : { product: "valkey", version: valkey, runId };
}

async function readInfo(redis: Redis, address: string, patienceMs: number | undefined): Promise<string> {
  try {
    // Without a section: naming two sections needs Redis 7.
    return await untilNotRefused(() => redis.info(), patienceMs);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (classifyRefusal(error).reason === "busy") throw refusedError(error);
    const failure = classifyFailure(error);
    const { reason, detail } = failure;
    throw new RedisConnectionError(
      { reason, address, detail, advice: adviceFor(failure, address) },
      { cause: error },
    );
  }
}

function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

function isOlder(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [minMajor = 0, minMinor = 0] = minimum.split(".").map(Number);
  return major < minMajor || (major === minMajor && minor < minMinor);
}
