/** The `connection` option of a pool or machine that may be spread over several Redis servers. */

import { InvalidOptionError } from "../../errors/call-errors.ts";
import { resolveConnection } from "./connection-options.ts";
import type { ConnectionOption, ResolvedConnection } from "./connection-options.ts";

/** Where Redis is; a list spreads one pool over several servers. */
export type ConnectionsOption = ConnectionOption | readonly ConnectionOption[];

/** A variable of the environment may hold several URLs. A comma inside of a password is none between URLs. */
const BETWEEN_URLS = /\s*,\s*(?=(?:redis|rediss|unix):\/\/)/i;

/**
 * Finds where Redis is, as `resolveConnection` does, and takes a list as well: an array, or URLs with commas between
 * them in `POOLMQ_REDIS_URL` or `REDIS_URL`. Gives at least one connection; `undefined` if nothing says where Redis is.
 *
 * @throws InvalidOptionError if the list is empty, names a server twice, or holds what can't be an address
 */
export function resolveConnections(
  option: ConnectionsOption | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly ResolvedConnection[] | undefined {
  const found = isList(option) ? ofList(option) : option === undefined ? ofEnvironment(env) : [one(option)];
  if (found !== undefined) refuseTwice(found);
  return found;
}

// `Array.isArray` does not narrow a readonly array.
function isList(option: ConnectionsOption | undefined): option is readonly ConnectionOption[] {
  return Array.isArray(option);
}

function ofList(options: readonly ConnectionOption[]): ResolvedConnection[] {
  if (options.length === 0) {
    throw new InvalidOptionError(
      "Expected `connection` to be a URL or a list of one or more, got []: name each Redis server that the pool is spread over",
    );
  }
  return options.map(one);
}

function one(option: ConnectionOption): ResolvedConnection {
  const resolved = resolveConnection(option, {});
  if (resolved !== undefined) return resolved;
  throw new InvalidOptionError("Expected each entry of `connection` to say where a Redis is, got undefined");
}

function ofEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): readonly ResolvedConnection[] | undefined {
  for (const variable of ["POOLMQ_REDIS_URL", "REDIS_URL"]) {
    const urls = env[variable]?.trim().split(BETWEEN_URLS) ?? [];
    const found = urls.flatMap((url) => resolveConnection(undefined, { [variable]: url }) ?? []);
    if (found.length > 0) return found;
  }
  return undefined;
}

/** Of two names of one server, only the server itself can tell. */
function refuseTwice(connections: readonly ResolvedConnection[]): void {
  const addresses = connections.map(({ address }) => address);
  const twice = addresses.find((address, at) => addresses.indexOf(address) !== at);
  if (twice === undefined) return;
  const where = connections[0]?.source ?? "connection";
  throw new InvalidOptionError(
    `Expected \`${where}\` to name each Redis server once, got ${twice} twice: a pool gains nothing from two connections to one server`,
  );
}
