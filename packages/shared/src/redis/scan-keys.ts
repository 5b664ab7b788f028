import type { Cluster, Redis } from "ioredis";

/** Names of keys that Redis looks at in one step: more would keep it from everything else for too long. */
const SCAN_COUNT = 1_000;

/** Gives the names of all keys that match a pattern, some at a time. Redis may give a name twice. */
export async function* scanKeys(redis: Redis | Cluster, pattern: string): AsyncGenerator<string[]> {
  for (const node of primariesOf(redis)) {
    for (let cursor = "0"; ;) {
      const [next, found] = await node.scan(cursor, "MATCH", pattern, "COUNT", SCAN_COUNT);
      yield found;
      if (next === "0") break;
      cursor = next;
    }
  }
}

/** The servers that hold the data: the primaries of a Cluster, or the one Redis. */
export function primariesOf(redis: Redis | Cluster): Redis[] {
  return redis.isCluster ? (redis as Cluster).nodes("master") : [redis as Redis];
}
