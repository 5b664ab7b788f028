/**
 * The least rights that a Redis login needs: the commands that poolmq, BullMQ and their scripts use, on the keys of one
 * queue. The tests of this project run with these rules.
 */

import type { QueueKeys } from "@poolmq/shared/redis";

/**
 * What a login is for. `both`: a pool with workers of its own. `watcher`: `poolmq status`, `scale-signal` and other
 * commands that only look. `operator`: also commands that change something, such as `cancel`, `retry`, `pause` and
 * `drain`.
 */
export type AclRole = "producer" | "worker" | "both" | "watcher" | "operator";

/**
 * For every connection: to set its name, to read the server's version and eviction policy, and the nodes of a Cluster.
 */
const CONNECTION = "client|setname cluster|info cluster|slots info ping select";

/** For both sides: BullMQ's and poolmq's scripts, and reading. */
const SHARED =
  "bitfield del eval evalsha exists get hget hgetall hmget hmset hset incr llen lpush lrange lrem pexpire pttl set srem time unlink xadd zadd zcard zrange zrangebyscore zrem zscore";

/** For producers: enqueuing, reading outcomes, durable maps, shared values, cancelling. */
const PRODUCER =
  "getbit getrange hdel hexists hkeys lindex lpos lset ltrim persist publish rpop rpush sadd scard setbit setrange smembers type xgroup xrange xread xrevrange xtrim zcount zremrangebyscore zrevrangebyscore";

/** For workers: fetching jobs and finding stalled ones, publishing outcomes, receiving control messages. */
const WORKER =
  "bzpopmin exec getbit hdel hexists hincrby hkeys hlen hstrlen hvals lindex ltrim mget multi rpop rpoplpush rpush sadd scard setbit smembers subscribe unsubscribe xdel xlen xrevrange xtrim zcount zincrby zpopmin zrank zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore";

/** For watchers: counting jobs, reading reports of machines and maps, and telling machines that somebody watches. */
const WATCHER =
  "bitcount eval evalsha exists get hexists hget hgetall hlen hmget hscan lindex llen lrange pttl publish rpop set time xrange xrevrange zcard zcount zrange zrangebyscore zscore";

/** For operators, in addition: ending maps, and running their failed items again on the fleet or in a terminal. */
const OPERATOR = "hkeys xdel";

const COMMANDS: Readonly<Record<AclRole, readonly string[]>> = {
  producer: listed(CONNECTION, SHARED, PRODUCER),
  worker: listed(CONNECTION, SHARED, WORKER),
  both: listed(CONNECTION, SHARED, PRODUCER, WORKER),
  watcher: listed(CONNECTION, WATCHER),
  operator: listed(CONNECTION, SHARED, PRODUCER, WATCHER, OPERATOR),
};

/**
 * Gives the rules of a login for one queue, as `ACL SETUSER` takes them: its keys, its channel, and the commands. The
 * caller adds the password.
 *
 * @param shards - the queue; where it is spread over a Cluster, all its shards
 */
export function aclRules(shards: readonly QueueKeys[], role: AclRole): string[] {
  return [
    "reset",
    "on",
    "resetkeys",
    ...shards.map((keys) => `~${keys.pattern}`),
    "resetchannels",
    ...shards.map((keys) => `&${keys.control}`),
    "-@all",
    ...COMMANDS[role].map((command) => `+${command}`),
  ];
}

function listed(...groups: readonly string[]): string[] {
  return [...new Set(groups.flatMap((group) => group.split(" ")))].sort();
}
