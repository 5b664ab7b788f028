/** Measures what Redis spends its time on, by command and by script. */

import type { RedisServer } from "../harness/redis-server.ts";

export interface RedisCost {
  /** A command, or a script by the keys that it is given. */
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

function scriptsOf(log: readonly { readonly us: number; readonly args: readonly string[] }[]): RedisCost[] {
  const scripts = log.filter(({ args }) => args[0]?.toLowerCase() === "evalsha");
  return [...Map.groupBy(scripts, ({ args }) => keysOf(args))]
    .map(([what, of]) => ({ what, calls: of.length, us: of.reduce((all, { us }) => all + us, 0) }))
    .toSorted(dearestFirst);
}

function keysOf([, , count, ...rest]: readonly string[]): string {
  return rest
    .slice(0, Number(count))
    .map((key) => key.replace(KEY, ""))
    .join(", ");
}

function dearestFirst(a: RedisCost, b: RedisCost): number {
  return b.us - a.us;
}
