/**
 * What a Redis login must be allowed to do, and no more: the commands that poolmq and BullMQ send, and those of their
 * scripts, on the keys of one queue. The tests of this project run with these rules.
 */

import type { QueueKeys } from "@poolmq/shared/redis";

/**
 * Who logs in. `both` is a pool with workers of its own, `watcher` is `poolmq status`, its siblings and `scale-signal`;
 * `operator` is `poolmq cancel`, `retry`, `pause`, `drain` and whatever else changes something, too.
 */
export type AclRole = "producer" | "worker" | "both" | "watcher" | "operator";

/** Of every connection: its name, the server's version and eviction policy, the nodes of a Cluster. */
const CONNECTION = "client|setname cluster|info cluster|slots info ping select";

/** Of both sides: BullMQ's and our own scripts, and looking at what is there. */
const SHARED =
  "del eval evalsha exists get hget hgetall hmget hmset hset incr llen lpush lrange lrem pexpire pttl set srem time unlink xadd zadd zcard zrange zrangebyscore zrem zscore";

/** Enqueuing, reading outcomes, durable maps, shared values, cancelling. */
const PRODUCER =
  "getbit getrange hdel hexists hkeys lindex lpos lset ltrim persist publish rpop rpush sadd scard setbit setrange smembers type xgroup xrange xread xrevrange xtrim zcount zremrangebyscore zrevrangebyscore";

/** Taking jobs and finding stalled ones, publishing outcomes, hearing of what is cancelled. */
const WORKER =
  "bzpopmin getbit hdel hexists hincrby hkeys hlen hstrlen lindex ltrim rpop rpoplpush rpush sadd scard setbit smembers subscribe unsubscribe xtrim zcount zpopmin zrank zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore";

/** Counting jobs, reading what machines and maps tell of themselves, and telling them that somebody watches. */
const WATCHER =
  "bitcount eval evalsha exists get hexists hget hgetall hlen hmget hscan lindex llen lrange pttl publish rpop set time xrange xrevrange zcard zcount zrange zrangebyscore zscore";

/** Ending maps, and running their failed items again, on the fleet and at home, as well. */
const OPERATOR = "hkeys xdel";

const COMMANDS: Readonly<Record<AclRole, readonly string[]>> = {
  producer: listed(CONNECTION, SHARED, PRODUCER),
  worker: listed(CONNECTION, SHARED, WORKER),
  both: listed(CONNECTION, SHARED, PRODUCER, WORKER),
  watcher: listed(CONNECTION, WATCHER),
  operator: listed(CONNECTION, SHARED, PRODUCER, WATCHER, OPERATOR),
};

/**
 * Gives the rules of a login for one queue, as `ACL SETUSER` takes them: its keys, its channel, and the commands. Without a
 * password, which is the caller's to add.
 */
export function aclRules(keys: QueueKeys, role: AclRole): string[] {
  return [
    "reset",
    "on",
    "resetkeys",
    `~${keys.pattern}`,
    "resetchannels",
    `&${keys.control}`,
    "-@all",
    ...COMMANDS[role].map((command) => `+${command}`),
  ];
}

function listed(...groups: readonly string[]): string[] {
  return [...new Set(groups.flatMap((group) => group.split(" ")))].sort();
}
