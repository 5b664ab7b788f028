/** Reads where the shards of a queue are: on one Redis, on several, or on one Redis Cluster. */

import type { RedisOptions } from "ioredis";

import { InvalidOptionError } from "../../errors/call-errors.ts";
import { inspectBriefly } from "../../errors/inspect-briefly.ts";
import { resolveConnection } from "./connection-options.ts";
import type { ConnectionOption, ResolvedConnection } from "./connection-options.ts";

/** One of several Redis servers: a URL, or ioredis options, which may name Sentinels. */
export type ServerOption = string | URL | RedisOptions;

/** Where the queue is: in one Redis, or spread over several servers. */
export type ConnectionsOption = ConnectionOption | readonly ServerOption[];

/** Each machine has connections to every shard; more than this would cost more than they gain. */
const MAX_SHARDS = 64;

/**
 * Separates URLs in an environment variable. Only a comma with a scheme behind it separates; any other is part of a
 * URL.
 */
const BETWEEN_URLS = /\s*,\s*(?=(?:redis|rediss|unix):\/\/)/i;

/**
 * Gives one connection for each shard; of a Cluster, the same one for each. `undefined` if nothing says where Redis is.
 *
 * @param option - `connection`: one Redis, or a list of servers; else `POOLMQ_REDIS_URL`, else `REDIS_URL`, which may hold
 *   several URLs with commas between them
 * @param shards - of a Cluster: number of queues over which this queue is spread
 * @throws InvalidOptionError
 */
export function resolveShards(
  option: ConnectionsOption | undefined,
  shards: number | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly ResolvedConnection[] | undefined {
  if (isList(option)) return serversOf(option, shards, (server, i) => named(server, `connection[${i}]`));
  const { variable, urls } = urlsOf(env);
  if (option === undefined && urls.length > 1) {
    return serversOf(urls, shards, (url) => resolveConnection(undefined, { [variable]: url }));
  }
  const resolved = resolveConnection(option, env);
  if (resolved === undefined) return undefined;
  return Array.from({ length: clusterShards(shards, resolved) }, () => resolved);
}

/** Gives the URLs that the environment names: none, one, or several; and the variable that holds them. */
export function urlsOf(env: Readonly<Record<string, string | undefined>>): {
  readonly variable: string;
  readonly urls: readonly string[];
} {
  const variable = ["POOLMQ_REDIS_URL", "REDIS_URL"].find((name) => env[name]?.trim()) ?? "";
  return { variable, urls: env[variable]?.trim().split(BETWEEN_URLS) ?? [] };
}

function isList(option: unknown): option is readonly ServerOption[] {
  return Array.isArray(option);
}

function serversOf<S>(
  servers: readonly S[],
  shards: number | undefined,
  resolve: (server: S, place: number) => ResolvedConnection | undefined,
): readonly ResolvedConnection[] {
  const expected = "Expected `connection` to be a list of 1 to 64 Redis servers";
  if (servers.length === 0) throw new InvalidOptionError(`${expected}, got []`);
  if (servers.length > MAX_SHARDS) throw new InvalidOptionError(`${expected}, got ${servers.length}`);
  if (shards !== undefined) {
    throw new InvalidOptionError(
      `Expected \`shards\` to be absent where \`connection\` lists the servers, got ${inspectBriefly(shards)}: there is one shard for each of the ${servers.length}`,
    );
  }
  const resolved = servers.flatMap((server, place) => resolve(server, place) ?? []);
  const addresses = resolved.map(({ address }) => address);
  const twice = addresses.find((address, place) => addresses.indexOf(address) < place);
  if (twice === undefined) return resolved;
  throw new InvalidOptionError(`Expected each server of \`connection\` once, got ${twice} twice`);
}

/** One of the servers, which errors name by its place in the list. */
function named(server: ServerOption, label: string): ResolvedConnection {
  if (typeof server === "object" && server !== null && "cluster" in server) {
    throw new InvalidOptionError(
      `Expected \`${label}\` to be one server, got a Cluster: to spread a queue over a Cluster, give it as \`connection\`, and \`shards\``,
    );
  }
  const resolved = resolveConnection(server, {}, label);
  if (resolved !== undefined) return resolved;
  throw new InvalidOptionError(`Expected \`${label}\` to be a URL or ioredis options, got undefined`);
}

/** Gives over how many queues of a Cluster a queue is spread. @throws InvalidOptionError */
export function checkShards(shards: number): number {
  if (typeof shards === "number" && Number.isInteger(shards) && shards >= 1 && shards <= MAX_SHARDS) {
    return shards;
  }
  throw new InvalidOptionError(
    `Expected \`shards\` to be an integer from 1 to ${MAX_SHARDS}, got ${inspectBriefly(shards)}`,
  );
}

function clusterShards(shards: number | undefined, resolved: ResolvedConnection): number {
  if (shards === undefined) return 1;
  if (checkShards(shards) === 1 || resolved.kind === "cluster") return shards;
  throw new InvalidOptionError(
    `Expected a Redis Cluster for \`shards: ${shards}\`, got ${resolved.address}: to spread a queue over several servers, list their URLs as \`connection\``,
  );
}
