/** Writes, rewrites and reads what producers report of their maps for watchers. Old reports are forgotten. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../keys/keys.ts";
import { parseObject } from "./parse-object.ts";
import { READ_CLOCK } from "../keys/redis-clock.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";
import type { ErrorGroup, MapReport } from "../../wire-watch.ts";
import { toJson } from "../../values/to-json.ts";

/** The most maps with a report, which is more than anyone looks at. The ones that would expire first are removed. */
export const MAX_MAPS = 500;

/** KEYS: maps, map-info. ARGV: number of maps to keep, then (id, ttlMs, report) for each map. */
const REPORT: Script = {
  lua: `${READ_CLOCK}
for i = 2, #ARGV, 3 do
  redis.call('ZADD', KEYS[1], now + ARGV[i + 1], ARGV[i])
  redis.call('HSET', KEYS[2], ARGV[i], now .. ' ' .. ARGV[i + 2])
end
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
local excess = redis.call('ZCARD', KEYS[1]) - #gone - ARGV[1]
if excess > 0 then gone = redis.call('ZRANGE', KEYS[1], 0, #gone + excess - 1) end
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], last[2] - now)
redis.call('PEXPIRE', KEYS[2], last[2] - now)
return now`,
};

/**
 * Writes reports of maps in one step, each with the time for which to keep it. Gives when that was, in ms of Redis's
 * time.
 */
export async function writeMapReports(
  redis: Redis | Cluster,
  keys: QueueKeys,
  reports: readonly (readonly [mapId: string, ttlMs: number, report: MapReport])[],
): Promise<number> {
  const args = reports.flatMap(([mapId, ttlMs, report]) => [mapId, ttlMs, toJson(report)]);
  return Number(await runScript(redis, REPORT, [keys.maps, keys.mapInfo], [MAX_MAPS, ...args]));
}

/** Writes groups of errors of a map by their numbers, and keeps all of its groups for `ttlMs`. */
export async function writeErrorGroups(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  groups: readonly (readonly [number: number, group: ErrorGroup])[],
  ttlMs: number,
): Promise<void> {
  const fields = groups.flatMap(([number, group]) => [String(number), toJson(group)]);
  const pipeline = redis.pipeline();
  if (fields.length > 0) pipeline.hset(keys.errors(mapId), ...fields);
  pipeline.pexpire(keys.errors(mapId), ttlMs);
  // A pipeline does not reject when Redis refuses some of its commands.
  const refused = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
  if (refused !== undefined && refused !== null) throw refused;
}

/** Removes the reports of all maps of a queue. */
export async function removeMapReports(redis: Redis | Cluster, keys: QueueKeys): Promise<void> {
  const mapIds = await redis.zrange(keys.maps, "0", "-1");
  await redis.unlink(keys.maps, keys.mapInfo, ...mapIds.map((id) => keys.errors(id)));
}

/** Changes the report that another process wrote of a map, if there is one. */
export async function rewriteMapReport(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  change: (before: MapReport) => readonly [ttlMs: number, report: MapReport],
): Promise<void> {
  const before = await readReportOf(redis, keys, mapId);
  if (before === undefined) return;
  const { startedAtMs = before.toldAtMs - before.report.ageMs } = before.report;
  const [ttlMs, report] = change({ ...before.report, startedAtMs });
  await writeMapReports(redis, keys, [[mapId, ttlMs, report]]);
}

/** A report of a map, and when it was written, in ms of Redis's time. */
interface ToldReport {
  readonly toldAtMs: number;
  readonly report: MapReport;
}

/** Gives the last report of a map; `undefined` if there is none, or if it is not readable. */
export async function readReportOf(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
): Promise<ToldReport | undefined> {
  const text = await redis.hget(keys.mapInfo, mapId);
  return text === null ? undefined : readMapReport(text);
}

/** Reads a report in the form in which it is stored; `undefined` if it is not readable. */
export function readMapReport(text: string): ToldReport | undefined {
  const space = text.indexOf(" ");
  const report = parseObject<MapReport>(text.slice(space + 1));
  const { task, host, state, ageMs, done, failed, running, runTimes } = report ?? {};
  const isWhole =
    [task, host, state].every((field) => typeof field === "string") &&
    [ageMs, done, failed, running].every(Number.isFinite) &&
    Array.isArray(runTimes);
  return isWhole && report !== undefined ? { toldAtMs: Number(text.slice(0, space)), report } : undefined;
}
