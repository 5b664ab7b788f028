import type { ClusterNode, ClusterOptions, RedisOptions } from "ioredis";

import { InvalidOptionError } from "../../errors/call-errors.ts";
import { redactUrl } from "./redact-url.ts";

/**
 * Where Redis is:
 *
 * - a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` (TLS), `unix://[user:password@]/path/to/socket[?db=1]`;
 * - ioredis options, which is also how to reach Sentinel (`{ sentinels: […], name: "mymaster" }`) and to set TLS details;
 * - `{ cluster: […] }`: nodes of a Redis Cluster, with ioredis's Cluster options beside them.
 *
 * Special characters in a URL's user name and password are percent-encoded.
 */
export type ConnectionOption = string | URL | RedisOptions | ClusterConnectionOptions;

/** How to reach a Redis Cluster. */
export interface ClusterConnectionOptions {
  /** Some of its nodes, as URLs or `{ host, port }`; the others are discovered. */
  readonly cluster: readonly ClusterNode[];
  /** ioredis's options; `redisOptions` holds user name, password and TLS for all nodes. */
  readonly options?: ClusterOptions;
}

/** What is to be opened. Holds the password: stays inside this package. */
export type ConnectionTarget =
  | { readonly kind: "standalone" | "sentinel"; readonly options: RedisOptions }
  | { readonly kind: "cluster"; readonly nodes: readonly RedisOptions[]; readonly options: ClusterOptions };

/** A checked `connection` option. Prints and serialises without the password. */
export class ResolvedConnection {
  readonly kind: ConnectionTarget["kind"];
  /** Where Redis is, for messages: no user name, no password. */
  readonly address: string;
  /** Where it was configured: `connection`, `POOLMQ_REDIS_URL` or `REDIS_URL`. */
  readonly source: string;
  // Private, so that neither a log line nor an inspected pool shows the password.
  readonly #target: ConnectionTarget;

  constructor(target: ConnectionTarget, source: string) {
    this.kind = target.kind;
    this.address = addressOf(target);
    this.source = source;
    this.#target = target;
  }

  /** What to open; with the password. */
  target(): ConnectionTarget {
    return this.#target;
  }
}

const EXPECTED =
  "a URL (redis://host:6379, rediss://host:6379, unix:///path/to/redis.sock), ioredis options, " +
  "{ sentinels, name } or { cluster: [nodes] }";

/**
 * Finds where Redis is: the option, else `POOLMQ_REDIS_URL`, else `REDIS_URL`, else undefined. Empty environment
 * variables count as unset, because compose files pass on unset variables as empty ones.
 *
 * @param label - names the option in errors
 * @throws InvalidOptionError if what it finds can't be an address. No connection is made.
 */
export function resolveConnection(
  option: ConnectionOption | undefined,
  env: Readonly<Record<string, string | undefined>> = process.env,
  label = "connection",
): ResolvedConnection | undefined {
  if (option !== undefined) return new ResolvedConnection(targetOf(option, label), label);
  for (const variable of ["POOLMQ_REDIS_URL", "REDIS_URL"]) {
    const url = env[variable]?.trim();
    if (url)
      return new ResolvedConnection({ kind: "standalone", options: parseUrl(url, variable) }, variable);
  }
  return undefined;
}

function targetOf(option: ConnectionOption, label: string): ConnectionTarget {
  if (typeof option === "string" || option instanceof URL) {
    return { kind: "standalone", options: parseUrl(String(option), label) };
  }
  if (typeof option !== "object" || option === null || Array.isArray(option)) {
    throw new InvalidOptionError(`Expected \`${label}\` to be ${EXPECTED}, got ${describe(option)}`);
  }
  if ("duplicate" in option) {
    throw new InvalidOptionError(
      `Expected \`${label}\` to be ${EXPECTED}, got an ioredis instance: pass its options, since poolmq opens connections of its own`,
    );
  }
  if ("url" in option) {
    // ioredis ignores this key and connects to localhost.
    throw new InvalidOptionError(`Expected \`${label}\` to be ${EXPECTED}, got { url }: pass the URL itself`);
  }
  return "cluster" in option ? clusterTarget(option, label) : optionsTarget(option, label);
}

function optionsTarget(options: RedisOptions, label: string): ConnectionTarget {
  refuseKeyPrefix(options.keyPrefix, label);
  if (!options.sentinels) return { kind: "standalone", options };
  if (!Array.isArray(options.sentinels) || options.sentinels.length === 0) {
    throw new InvalidOptionError(
      `Expected \`${label}.sentinels\` to be a list of { host, port }, got ${describe(options.sentinels)}`,
    );
  }
  if (typeof options.name !== "string" || options.name === "") {
    throw new InvalidOptionError(
      `Expected \`${label}.name\` to be the name of the primary that Sentinel watches, got ${describe(options.name)}`,
    );
  }
  return { kind: "sentinel", options };
}

function clusterTarget(option: ClusterConnectionOptions, label: string): ConnectionTarget {
  const { cluster, options = {} } = option;
  if (!Array.isArray(cluster) || cluster.length === 0) {
    throw new InvalidOptionError(
      `Expected \`${label}.cluster\` to be a list of nodes, as URLs or { host, port }, got ${describe(cluster)}`,
    );
  }
  refuseKeyPrefix(options.keyPrefix ?? options.redisOptions?.keyPrefix, label);
  const nodes = cluster.map((node: ClusterNode): RedisOptions => {
    if (typeof node === "string") return parseUrl(node, `${label}.cluster`);
    return (typeof node === "number" ? { port: node } : node) as RedisOptions;
  });
  // ioredis applies a node's own login and TLS to that node only, and drops the TLS of a rediss:// node altogether.
  // Nodes that are discovered later need them as well.
  const { username, password, tls } = nodes[0] ?? {};
  const login: RedisOptions = {
    ...(username === undefined || username === null ? {} : { username }),
    ...(password === undefined || password === null ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  };
  return {
    kind: "cluster",
    nodes,
    options: { ...options, redisOptions: { ...login, ...options.redisOptions } },
  };
}

function refuseKeyPrefix(keyPrefix: string | undefined, label: string): void {
  if (keyPrefix) {
    throw new InvalidOptionError(
      `Expected \`${label}.keyPrefix\` to be absent, since BullMQ can't work with it, got ${describe(keyPrefix)}: use the \`prefix\` option`,
    );
  }
}

function parseUrl(text: string, label: string): RedisOptions {
  const wrong = (why: string) =>
    new InvalidOptionError(
      `Expected \`${label}\` to be a URL such as redis://[user:password@]host:6379[/db], rediss://host:6379 or ` +
        `unix:///path/to/redis.sock, got ${quote(text)}${why}`,
    );
  const scheme = /^(redis|rediss|unix):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) throw wrong("");

  // A unix URL with a login has no host, which the URL parser refuses: give it one.
  const parseable = scheme === "unix" ? text.replace(/^(unix:\/\/)([^@/]*@)?\//i, "$1$2socket/") : text;
  let url: URL;
  try {
    url = new URL(parseable);
  } catch {
    throw wrong(PERCENT);
  }
  if (url.hash !== "") throw wrong(PERCENT);
  try {
    const login: RedisOptions = {
      ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    };
    const query = Object.fromEntries(url.searchParams);
    const unknown = Object.keys(query).find((key) => key !== "db" && key !== "family");
    if (unknown !== undefined)
      throw wrong(`: \`${unknown}\` is no parameter of it (db, family); use ioredis options`);
    const path = decodeURIComponent(url.pathname);
    const family = query["family"] === undefined ? {} : { family: integer(query["family"]) };
    if (scheme === "unix") {
      if (url.hostname !== "socket" || path === "/")
        throw wrong(": it needs three slashes and an absolute path");
      return { ...login, ...db(query["db"]), path };
    }
    const number = path.slice(1) || query["db"];
    return {
      ...login,
      ...family,
      ...db(number),
      host: url.hostname.replace(/^\[|\]$/g, "") || "localhost",
      port: url.port === "" ? 6379 : Number(url.port),
      ...(scheme === "rediss" ? { tls: {} } : {}),
    };
  } catch (error) {
    if (error instanceof InvalidOptionError) throw error;
    throw wrong(error instanceof RangeError ? `: ${error.message}` : PERCENT);
  }
}

const PERCENT = ": percent-encode special characters of its user name and password (encodeURIComponent)";

function db(text: string | undefined): RedisOptions {
  return text === undefined ? {} : { db: integer(text) };
}

function integer(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError("the database after the host is a number, such as /0");
  return Number(text);
}

/** Names a value without showing what may be secret in it. */
function describe(value: unknown): string {
  if (value === undefined || value === null || typeof value === "number" || typeof value === "boolean")
    return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "an array";
  return typeof value === "string" ? quote(value) : `a value of type ${typeof value}`;
}

/** Quotes the text, unless it has no scheme: it may then be a password that was put in the wrong variable. */
function quote(text: string): string {
  if (text === "") return '""';
  if (/^([\w.-]+:\d{1,5}|localhost|\d+(\.\d+){3})$/.test(text))
    return `"${text}" (did you mean redis://${text}?)`;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? `"${redactUrl(text)}"`
    : `a text of ${text.length} characters without redis://`;
}

function addressOf(target: ConnectionTarget): string {
  if (target.kind === "cluster") return `cluster ${target.nodes.map(hostPort).join(", ")}`;
  const { options } = target;
  if (target.kind === "sentinel") {
    const sentinels = (options.sentinels ?? []).map(
      ({ host, port }) => `${host ?? "localhost"}:${port ?? 26379}`,
    );
    return `${options.name} (Sentinel ${sentinels.join(", ")})`;
  }
  const number = options.db ? `/${options.db}` : "";
  if (options.path) return `unix://${options.path}${options.db ? `?db=${options.db}` : ""}`;
  return `${options.tls ? "rediss" : "redis"}://${hostPort(options)}${number}`;
}

function hostPort(options: RedisOptions): string {
  const host = options.host ?? "localhost";
  return `${host.includes(":") ? `[${host}]` : host}:${options.port ?? 6379}`;
}
