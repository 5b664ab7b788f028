/**
 * The names of everything that a queue keeps in Redis. All of a queue's keys, BullMQ's included, share one hash tag,
 * so that a queue lies in one slot of a Redis Cluster and an ACL can name it with one pattern.
 */
export interface QueueKeys {
  /** Pattern that covers every key of the queue, for ACL rules and for listing. */
  readonly pattern: string;
  /** BullMQ's `prefix` option. */
  readonly bullPrefix: string;
  /** BullMQ's queue name. */
  readonly bullName: string;
  /** Key of the BullMQ job with this id. */
  job(jobId: string): string;
  /** Bitmap: bit `i` is set once the job whose first item is `i` has its outcome. Exists as long as the map is wanted. */
  done(mapId: string): string;
  /** The same for the items of a later million, of a map that is not durable. */
  donePage(mapId: string, page: number): string;
  /** Stream of the map's outcomes. */
  out(mapId: string): string;
  /** Hash: first index of a job → the bytes that its arguments name. Field `""` holds nothing, and keeps the key. */
  in(mapId: string): string;
  /** Hash: what a durable map is, for whoever takes it up. */
  meta(mapId: string): string;
  /** String: four bytes of a digest for the first item of each chunk of a durable map, at four times its index. */
  args(mapId: string): string;
  /**
   * Hash: first index of a job of a map that keeps them, of which an item failed → id of its outcome in the stream, a space, and
   * the job, as a `FailedJob`.
   */
  failed(mapId: string): string;
  /** List: ids of jobs of the map that wait for its turns, in place of BullMQ's list. The next one is last. */
  stage(mapId: string): string;
  /** Sorted set: ids of the maps with staged jobs, by their accounts: see `turns.ts`. Absent while nothing is staged. */
  readonly turns: string;
  /** Hash: id of a map → what its jobs cost, and what is on its account. */
  readonly accounts: string;
  /** Sorted set: ids of durable maps that were delivered with failures and are kept for a retry, by when. */
  readonly kept: string;
  /** Sorted set: ids of maps with `keepFailed` of which failed jobs are kept, by when they ended. */
  readonly keptFailures: string;
  /** String: the payload of a shared value; if it names bytes, a newline and these behind it. */
  share(shareId: string): string;
  /** Sorted set: ids of the live worker machines by the Redis time of their last heartbeat, in ms. */
  readonly workers: string;
  /** Hash: id of a worker machine → its advertisement. */
  readonly workerInfo: string;
  /** Hash: id of a worker machine → what it runs now. Written while somebody watches. */
  readonly workerDetail: string;
  /** String: exists while somebody watches. */
  readonly watch: string;
  /** String: exists while somebody reads the machines' logs. */
  readonly listen: string;
  /** Stream: lines of the machines' logs. Written while somebody reads them. */
  readonly logs: string;
  /** String: what a machine answered to the question with this id. */
  stack(questionId: string): string;
  /** Sorted set: ids of the maps that producers reported, by when to forget them, in ms of Redis's time. */
  readonly maps: string;
  /** Hash: id of a map → when it was last reported, in ms of Redis's time, a space, and the report. */
  readonly mapInfo: string;
  /** Hash: number of a group of errors of the map → the group. */
  errors(mapId: string): string;
  /** Hash: the state of a limit by key: how strict it is, and when the next start is due. */
  limit(limitId: string): string;
  /** Hash: id of a job that runs under the limit → the machine that runs it. */
  limitHeld(limitId: string): string;
  /** Sorted set: ids of the jobs that wait for a permit of the limit, by their place in line. */
  limitWaiting(limitId: string): string;
  /**
   * Sorted set: ids of the jobs in BullMQ's `delayed` set that wait for a permit of some limit, and not for another
   * attempt; by when they were put off, in ms of Redis's time.
   */
  readonly limited: string;
  /** Stream that wakes a producer's blocking read when it has a new map to read. */
  wake(producerId: string): string;
  /** Sorted set: ids of the maps that were cancelled, by when that was, in ms of Redis's time. */
  readonly cancelled: string;
  /** Hash: the shards over which the queue is spread, if it is spread: see `shard-record.ts`. */
  readonly shards: string;
  /** String: exists for a day after a machine has looked for jobs of which nobody knows any more. */
  readonly swept: string;
  /** Sorted set: machines that wait for a job and are handed one, by when they were busy last: see `hand-over.ts`. */
  readonly idle: string;
  /** Pub/sub channel for control messages to the worker machines. */
  readonly control: string;
}

/** Gives the keys of a queue. The name must have passed `checkQueueName`. */
export function queueKeys(queue: string, prefix = "poolmq"): QueueKeys {
  const base = `${prefix}:{${queue}}`;
  return {
    pattern: `${base}:*`,
    bullPrefix: prefix,
    bullName: `{${queue}}`,
    job: (jobId) => `${base}:${jobId}`,
    done: (mapId) => `${base}:map:${mapId}:done`,
    donePage: (mapId, page) => `${base}:map:${mapId}:done:${page}`,
    out: (mapId) => `${base}:map:${mapId}:out`,
    in: (mapId) => `${base}:map:${mapId}:in`,
    meta: (mapId) => `${base}:map:${mapId}:meta`,
    args: (mapId) => `${base}:map:${mapId}:args`,
    failed: (mapId) => `${base}:map:${mapId}:failed`,
    stage: (mapId) => `${base}:map:${mapId}:stage`,
    turns: `${base}:turns`,
    accounts: `${base}:accounts`,
    kept: `${base}:kept`,
    keptFailures: `${base}:kept-failures`,
    share: (shareId) => `${base}:share:${shareId}`,
    workers: `${base}:workers`,
    workerInfo: `${base}:worker-info`,
    workerDetail: `${base}:worker-detail`,
    watch: `${base}:watch`,
    listen: `${base}:listen`,
    logs: `${base}:logs`,
    stack: (questionId) => `${base}:stack:${questionId}`,
    maps: `${base}:maps`,
    mapInfo: `${base}:map-info`,
    errors: (mapId) => `${base}:map:${mapId}:errors`,
    limit: (limitId) => `${base}:limit:${limitId}`,
    limitHeld: (limitId) => `${base}:limit-held:${limitId}`,
    limitWaiting: (limitId) => `${base}:limit-waiting:${limitId}`,
    limited: `${base}:limited`,
    wake: (producerId) => `${base}:wake:${producerId}`,
    cancelled: `${base}:cancelled`,
    shards: `${base}:shards`,
    swept: `${base}:swept`,
    idle: `${base}:idle`,
    control: `${base}:control`,
  };
}

/**
 * Id of the BullMQ job whose first item is `index`. All ids are made here, because BullMQ misreads some (`"wait"`,
 * `"7"`).
 */
export function jobIdOf(mapId: string, index: number): string {
  return `${mapId}-${index}`;
}

/** Id of the backup: the second job for a chunk that runs for long. */
export function backupIdOf(mapId: string, index: number): string {
  return `${jobIdOf(mapId, index)}-b`;
}
