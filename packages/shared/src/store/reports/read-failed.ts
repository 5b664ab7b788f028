/** Reads the outcomes of a durable map's failed items, which are kept for a retry. */

import type { Cluster, Redis } from "ioredis";

import type { QueueKeys } from "../keys/keys.ts";
import { runScript } from "../../redis/run-script.ts";
import type { Script } from "../../redis/run-script.ts";
import type { OutcomeText } from "../../wire.ts";

/**
 * KEYS: failed, out. ARGV: cursor, about how many. Gives the next cursor, then (first index, outcome) for each job. The jobs
 * themselves stay where they are: their arguments may be large.
 */
const READ: Script = {
  lua: `
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local jobs = {found[1]}
for i = 1, #found[2], 2 do
  local id = string.match(found[2][i + 1], '^%S+')
  local entry = id and redis.call('XRANGE', KEYS[2], id, id)[1]
  if entry then
    for f = 1, #entry[2], 2 do
      if entry[2][f] == 'o' then
        jobs[#jobs + 1] = found[2][i]
        jobs[#jobs + 1] = entry[2][f + 1]
      end
    end
  end
end
return jobs`,
};

/** Jobs that are read at a time. It is few, because an outcome may have megabytes. */
const BATCH = 20;

/** Gives the failed jobs of a map by their first index, at most about `most`. */
export async function readFailedJobs(
  redis: Redis | Cluster,
  keys: QueueKeys,
  mapId: string,
  most: number,
): Promise<ReadonlyMap<number, OutcomeText>> {
  const jobs = new Map<number, OutcomeText>();
  for (let cursor = "0"; ;) {
    const reply = (await runScript(
      redis,
      READ,
      [keys.failed(mapId), keys.out(mapId)],
      [cursor, BATCH],
    )) as string[];
    for (let i = 1; i + 1 < reply.length; i += 2) jobs.set(Number(reply[i]), reply[i + 1] ?? "");
    cursor = reply[0] ?? "0";
    if (cursor === "0" || jobs.size >= most) return jobs;
  }
}
