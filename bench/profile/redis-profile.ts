/** Measures what Redis spends its time on, by command and by script. */

import type { RedisServer } from "../harness/redis-server.ts";

export interface RedisCost {
  /** A command, or what a script does. */
  readonly what: string;
  readonly calls: number;
  /** CPU time of all calls, in µs. */
  readonly us: number;
}

export interface RedisCosts {
  /** All CPU time of the server, including reading requests and writing replies, in µs. */
  readonly total: number;
  /** Scripts, with the time of all commands that they called. */
  readonly scripts: readonly RedisCost[];
  /** Commands, whether clients or scripts called them. */
  readonly commands: readonly RedisCost[];
}

/** Redis's slow log tells scripts apart. A script takes longer than this, in µs, and a command does not. */
const SCRIPT_US = 10;
const LOG_LENGTH = 100_000;

/** A queue's keys, without what names the queue and the map. */
const KEY = /^\w+:\{[^}]*\}:(?:map:[^:]+:)?/;

/** Measures what Redis does while `work` goes on. */
export async function profileRedis(redis: RedisServer, work: () => Promise<void>): Promise<RedisCosts> {
  const { commands } = redis;
  await commands.config("SET", "slowlog-max-len", LOG_LENGTH, "slowlog-log-slower-than", SCRIPT_US);
  await commands.slowlog("RESET");
  await commands.config("RESETSTAT");
  const before = await redis.cpuSeconds();
  await work();
  const total = ((await redis.cpuSeconds()) - before) * 1e6;
  const stats = await commands.info("commandstats");
  const log = (await commands.slowlog("GET", -1)) as [id: number, at: number, us: number, args: string[]][];
  return {
    total,
    scripts: scriptsOf(log.map(([, , us, args]) => ({ us, args }))),
    commands: [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)]
      .map(([, what = "", calls, us]) => ({ what, calls: Number(calls), us: Number(us) }))
      .filter(({ what }) => what !== "evalsha")
      .toSorted(dearestFirst),
  };
}

/** What scripts do, by their keys and, where two have the same, by what tells them apart. Others are shown by their keys. */
const SCRIPTS: readonly (readonly [keys: string, what: (args: number) => string])[] = [
  ["wait, active, meta, marker, events, prioritized, pc, turns, accounts, idle", () => "adds jobs"],
  [
    "wait, active, meta, marker, events, prioritized, pc, turns, accounts, idle, done, out, in",
    () => "opens a map, and adds its first jobs",
  ],
  [
    "wait, active, meta, marker, events, prioritized, delayed, stalled, pc, turns, accounts, idle",
    (args) =>
      args === FETCH_ARGS ? "fetches jobs" : "publishes outcomes, completes their jobs, fetches others",
  ],
  ["done, out, in, accounts", () => "publishes outcomes"],
  ["done, out, in, failed, accounts", () => "publishes outcomes with bytes"],
];

/** Arguments of the script that only fetches. */
const FETCH_ARGS = 9;

function scriptsOf(log: readonly { readonly us: number; readonly args: readonly string[] }[]): RedisCost[] {
  const scripts = log.filter(({ args }) => args[0]?.toLowerCase() === "evalsha");
  return [...Map.groupBy(scripts, ({ args }) => nameOf(args))]
    .map(([what, of]) => ({ what, calls: of.length, us: of.reduce((all, { us }) => all + us, 0) }))
    .toSorted(dearestFirst);
}

function nameOf([, , count, ...rest]: readonly string[]): string {
  const keys = rest
    .slice(0, Number(count))
    .map((key) => key.replace(KEY, ""))
    .join(", ");
  const known = SCRIPTS.find(([of]) => of === keys);
  return known === undefined ? keys : known[1](rest.length - Number(count));
}

function dearestFirst(a: RedisCost, b: RedisCost): number {
  return b.us - a.us;
}
