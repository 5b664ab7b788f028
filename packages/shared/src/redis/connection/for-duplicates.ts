import type { Cluster, Redis } from "ioredis";

/**
 * Runs `prepare` on each connection that is duplicated from this one. ioredis carries options over to a duplicate, but
 * not listeners; BullMQ's Worker works on duplicates only.
 */
export function forDuplicates(
  connection: Redis | Cluster,
  prepare: (duplicate: Redis | Cluster) => void,
): void {
  const target = connection as { duplicate: (...args: unknown[]) => Redis | Cluster };
  const duplicate = target.duplicate;
  target.duplicate = (...args) => {
    const copy = duplicate.apply(connection, args);
    prepare(copy);
    return copy;
  };
}
