import { queueKeys, type QueueKeys } from "@poolmq/shared/redis";
import { Queue } from "bullmq";

import type { RedisServer } from "./redis-server.ts";
import { until } from "./until.ts";

/** An attacker who can read and write everything in Redis, and has no signing key. */
export class Forger {
  readonly #redis: RedisServer;
  readonly #keys: QueueKeys;

  constructor(redis: RedisServer, queue: string) {
    this.#redis = redis;
    this.#keys = queueKeys(queue);
  }

  /** Enqueues any job, as BullMQ does. */
  async enqueue(name: string, data: unknown, jobId: string, options: object = {}): Promise<void> {
    const queue = new Queue(this.#keys.bullName, {
      connection: this.#redis.admin,
      prefix: this.#keys.bullPrefix,
    });
    await queue.add(name, data, { jobId, ...options });
    await queue.close();
  }

  /** Waits until there is a job; gives what Redis has of it. */
  async job(jobId: string): Promise<Record<string, string>> {
    return await until(
      async () => {
        const fields = await this.#redis.admin.hgetall(this.#keys.job(jobId));
        return fields["data"] === undefined ? undefined : fields;
      },
      { what: `job ${jobId}` },
    );
  }

  /** Writes other data into a job. */
  async rewrite(jobId: string, change: (data: Record<string, unknown>) => object): Promise<void> {
    const { data = "" } = await this.job(jobId);
    const changed = change(JSON.parse(data) as Record<string, unknown>);
    await this.#redis.admin.hset(this.#keys.job(jobId), "data", JSON.stringify(changed));
  }

  /** Publishes a forged outcome of a job, as a worker would. */
  async publish(map: string, at: number, text: string): Promise<void> {
    await this.#redis.admin.setbit(this.#keys.done(map), at, 1);
    await this.#redis.admin.xadd(this.#keys.out(map), "*", "i", at, "ran", "1", "o", text);
  }

  /** Waits until the job is gone. */
  async gone(jobId: string): Promise<void> {
    await until(async () => (await this.#redis.admin.exists(this.#keys.job(jobId))) === 0, {
      what: `the end of job ${jobId}`,
    });
  }
}
