/** The flags that say which queue, and on which Redis: the same for every command that looks at one. */

import { Option } from "commander";

import { DEFAULTS } from "../../worker-options.ts";

export function queueOption(): Option {
  return new Option("-q, --queue <name>", "queue to look at").env("POOLMQ_QUEUE").default(DEFAULTS.queue);
}

export function prefixOption(): Option {
  return new Option("--prefix <name>", "first part of every key of the queue in Redis")
    .env("POOLMQ_PREFIX")
    .default(DEFAULTS.prefix);
}

export function redisOption(): Option {
  return new Option(
    "-r, --redis <url>",
    "redis://, rediss:// or unix:// URL (default: POOLMQ_REDIS_URL, else REDIS_URL, else redis://127.0.0.1:6379)",
  );
}
