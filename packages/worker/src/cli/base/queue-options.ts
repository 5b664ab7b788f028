/** The flags that say which queue, and on which Redis: the same for every command that looks at one. */

import { Option } from "commander";

import { DEFAULTS } from "../../worker-options.ts";
import { integer } from "./integer.ts";

export function queueOption(): Option {
  return new Option("-q, --queue <name>", "queue to look at").env("POOLMQ_QUEUE").default(DEFAULTS.queue);
}

export function prefixOption(): Option {
  return new Option("--prefix <name>", "first part of every key of the queue in Redis")
    .env("POOLMQ_PREFIX")
    .default(DEFAULTS.prefix);
}

function redisOption(): Option {
  return new Option(
    "-r, --redis <url>",
    "redis://, rediss:// or unix:// URL (default: POOLMQ_REDIS_URL, else REDIS_URL, else redis://127.0.0.1:6379)",
  );
}

export function shardsOption(): Option {
  return new Option(
    "--shards <n>",
    "over how many queues of a Redis Cluster the queue is spread; --redis is then the URL of one of its nodes",
  )
    .env("POOLMQ_SHARDS")
    .argParser(integer);
}

/** As `redisOption`, for commands that take it several times. */
export function redisOptions(): Option {
  const option = redisOption();
  option.description += "; several times for a pool that is spread over several servers";
  return option.argParser((url: string, urls: readonly string[] | undefined) => [...(urls ?? []), url]);
}
