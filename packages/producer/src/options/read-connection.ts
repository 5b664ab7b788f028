import { InvalidOptionError } from "@poolmq/shared";
import type { ConnectionsOption } from "@poolmq/shared";
import { inspectBriefly, nearest, resolveShards } from "@poolmq/shared/internal";
import type { ResolvedConnection } from "@poolmq/shared/internal";

/**
 * Where a pool's queue is: in one Redis or spread over several, one connection for each shard; in a private Redis of the
 * pool; or in this process's memory.
 */
export type QueuePlace = readonly ResolvedConnection[] | "embedded" | "memory";

const WORDS = ["embedded", "memory"] as const;

/**
 * Reads where the queue is: from the option `connection`, else from `POOLMQ_REDIS_URL`, else from `REDIS_URL`, else in
 * memory.
 *
 * @throws InvalidOptionError
 */
export function readConnection(
  option: ConnectionsOption | undefined,
  shards: number | undefined,
  env: Readonly<Record<string, string | undefined>>,
): QueuePlace {
  const word = WORDS.find((known) => known === option);
  if (word !== undefined) return refuseShards(word, shards);
  if (option === "") {
    throw new InvalidOptionError(
      'Expected `connection` to be a URL such as redis://127.0.0.1:6379, got "": for a pool that needs no Redis, leave it out',
    );
  }
  if (typeof option === "string") {
    const meant = nearest(option, WORDS);
    if (meant !== undefined) {
      throw new InvalidOptionError(
        `Expected \`connection\` to be a URL, "embedded" or "memory", got "${option}". Did you mean "${meant}"?`,
      );
    }
  }
  return resolveShards(option, shards, env) ?? refuseShards("memory", shards);
}

/** Only a queue in a Redis Cluster has shards whose number can be chosen. */
function refuseShards(place: "embedded" | "memory", shards: number | undefined): typeof place {
  if (shards === undefined || shards === 1) return place;
  throw new InvalidOptionError(
    `Expected a Redis Cluster as \`connection\` for \`shards: ${inspectBriefly(shards)}\`, got "${place}"`,
  );
}
