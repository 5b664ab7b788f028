/** Faults of single keys and entries: they are damaged, deleted, or replaced by something else. */

import type { QueueKeys } from "@poolmq/shared/redis";
import type { Redis } from "ioredis";

import { nextPick, picked } from "./fault.ts";
import type { Fault, How, Lane, Queue, Stage } from "./fault.ts";

/** Changes keys only where they exist: a key that a fault created would be left behind. */
const SET_IF_THERE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1`;
const ADD_IF_THERE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[1], '*', unpack(ARGV))
return 1`;

/** A job that waits. */
interface Waiting {
  readonly key: string;
  readonly map: string;
  readonly at: number;
  readonly n: number;
}

interface Target {
  readonly admin: Redis;
  readonly keys: QueueKeys;
  readonly queue: Queue;
}

/** A fault of one queue's data; gives how many keys it hit. */
function onQueue(
  inject: (target: Target, how: How, stage: Stage) => Promise<number | undefined>,
): Fault["inject"] {
  return async (stage, how) => {
    await stage.redisBack();
    const { queues, redis } = stage;
    const queue = picked(queues, how.pick);
    if (queue === undefined) return false;
    const rest = { ...how, pick: nextPick(how.pick, queues.length) };
    // Redis may refuse it, because it is full or not the primary at this moment.
    const hit = await inject({ admin: redis.admin, keys: queue.keys, queue }, rest, stage).catch(() => 0);
    return hit === 1;
  };
}

async function waitingJob({ admin, keys }: Target, pick: number): Promise<Waiting | undefined> {
  // Jobs of maps that are served in turns wait in lists of their own.
  const staged = (await admin.zrange(keys.turns, "0", "-1")).filter((map) => map !== "");
  const lists = [keys.job("wait"), ...staged.map((map) => keys.stage(map))];
  const list = picked(lists, pick) ?? keys.job("wait");
  const jobId = await admin.lindex(list, Math.floor(nextPick(pick, lists.length) * (await admin.llen(list))));
  if (jobId === null) return undefined;
  const key = keys.job(jobId);
  try {
    const data = JSON.parse((await admin.hget(key, "data")) ?? "") as Pick<Waiting, "map" | "at">;
    // A job of one item does not say how many it has.
    return { n: 1, ...data, key };
  } catch {
    return undefined; // it was damaged before
  }
}

/** Damages a waiting job or its map, whose items may end in an error then. */
function damaged(how: (target: Target, job: Waiting) => Promise<unknown>): Fault["inject"] {
  return onQueue(async (target, { pick }, stage) => {
    const job = await waitingJob(target, pick);
    if (job === undefined) return 0;
    // Recorded before the fault is done: the outcome may arrive before the reply to the command.
    stage.damaged.add(job.map, job.at, job.n);
    return (await how(target, job)) as number;
  });
}

/** Deletes a key of a map that somebody asks for now. */
function keyOfMap(name: "out" | "done" | "in" | "meta" | "args" | "failed" | "stage"): Fault["inject"] {
  return onQueue(async ({ admin, keys, queue }, { pick }) => {
    const map = picked(
      queue.askers.flatMap(({ current }) => (current === undefined ? [] : [current])),
      pick,
    );
    return map === undefined ? 0 : await admin.del(keys[name](map.mapId));
  });
}

/** Deletes a key of the queue as such. */
function keyOfQueue(name: (keys: QueueKeys) => string): Fault["inject"] {
  return onQueue(async ({ admin, keys }) => admin.del(name(keys)));
}

/** Deletes one of the keys that match. */
function anyKey(pattern: (keys: QueueKeys) => string): Fault["inject"] {
  return onQueue(async ({ admin, keys }, { pick }) => {
    // Braces are no wildcards in Redis's patterns.
    const found = await admin.keys(pattern(keys));
    const key = picked(found, pick);
    return key === undefined ? 0 : await admin.del(key);
  });
}

export const OF_DATA: Lane = {
  everyMs: 4_000,
  faults: [
    {
      kind: "corrupt job",
      weight: 2,
      inject: damaged(({ admin }, { key }) => admin.eval(SET_IF_THERE, 1, key, "data", "not JSON")),
    },
    {
      kind: "job with corrupt options",
      weight: 1,
      inject: damaged(({ admin }, { key }) => admin.eval(SET_IF_THERE, 1, key, "opts", "not JSON")),
    },
    {
      kind: "corrupt outcome",
      weight: 2,
      inject: damaged(({ admin, keys }, { map, at }) =>
        admin.eval(ADD_IF_THERE, 1, keys.out(map), "i", at, "o", "rubbish"),
      ),
    },
    {
      kind: "foreign entry",
      weight: 2,
      inject: onQueue(async (target, { pick }) => {
        const job = await waitingJob(target, pick);
        if (job === undefined) return 0;
        const { admin, keys } = target;
        return (await admin.eval(ADD_IF_THERE, 1, keys.out(job.map), "hello", "world")) as number;
      }),
    },
  ],
};

export const OF_KEYS: Lane = {
  everyMs: 2_500,
  faults: [
    { kind: "key deleted: a map's stream", weight: 2, inject: keyOfMap("out") },
    { kind: "key deleted: a map's bitmap", weight: 2, inject: keyOfMap("done") },
    { kind: "key deleted: a map's large arguments", weight: 2, inject: keyOfMap("in") },
    { kind: "key deleted: a durable map's facts", weight: 0.5, inject: keyOfMap("meta") },
    { kind: "key deleted: a durable map's digests", weight: 0.5, inject: keyOfMap("args") },
    {
      kind: "key deleted: a job",
      weight: 3,
      // BullMQ may write its counters into a hash without data, which can't be told from a damaged job.
      inject: damaged(({ admin }, { key }) => admin.del(key)),
    },
    { kind: "key deleted: a lock", weight: 1, inject: anyKey((keys) => keys.job("*:lock")) },
    { kind: "key deleted: a shared value", weight: 1, inject: anyKey((keys) => keys.share("*")) },
    {
      kind: "key deleted: the list of waiting jobs",
      weight: 1,
      inject: keyOfQueue((keys) => keys.job("wait")),
    },
    {
      kind: "key deleted: the list of active jobs",
      weight: 0.5,
      inject: keyOfQueue((keys) => keys.job("active")),
    },
    {
      kind: "key deleted: the set of delayed jobs",
      weight: 1,
      inject: keyOfQueue((keys) => keys.job("delayed")),
    },
    {
      kind: "key deleted: the set of prioritized jobs",
      weight: 1,
      inject: keyOfQueue((keys) => keys.job("prioritized")),
    },
    { kind: "key deleted: a map's waiting jobs", weight: 1, inject: keyOfMap("stage") },
    { kind: "key deleted: the maps' turns", weight: 2, inject: keyOfQueue((keys) => keys.turns) },
    { kind: "key deleted: the maps' accounts", weight: 0.5, inject: keyOfQueue((keys) => keys.accounts) },
    { kind: "key deleted: BullMQ's marker", weight: 0.5, inject: keyOfQueue((keys) => keys.job("marker")) },
    {
      kind: "key deleted: BullMQ's facts of the queue",
      weight: 0.5,
      inject: keyOfQueue((keys) => keys.job("meta")),
    },
    { kind: "key deleted: the machines", weight: 0.5, inject: keyOfQueue((keys) => keys.workers) },
    { kind: "key deleted: what maps told", weight: 0.5, inject: keyOfQueue((keys) => keys.mapInfo) },
  ],
};
