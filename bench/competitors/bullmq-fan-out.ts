/**
 * A fan-out over BullMQ as a good engineer would write it by hand: jobs are added in bulk, and `QueueEvents` gathers the
 * results.
 *
 * The stream of events is trimmed at about 10,000 entries by default, of which a job takes four: a map of 20,000 can
 * then lose completions and never end. It is given a length here that makes it complete.
 */

import { Queue, QueueEvents } from "bullmq";

/** Jobs that go into one `addBulk`, unless they are large. */
const BULK = 1_000;

export class BullmqFanOut {
  readonly #queue: Queue;
  readonly #events: QueueEvents;
  readonly #pending = new Map<string, (result: unknown) => void>();
  #maps = 0;

  private constructor(queue: Queue, events: QueueEvents) {
    this.#queue = queue;
    this.#events = events;
    events.on("completed", ({ jobId, returnvalue }) => {
      this.#pending.get(jobId)?.(returnvalue);
      this.#pending.delete(jobId);
    });
  }

  static async open(redis: string, name: string): Promise<BullmqFanOut> {
    const connection = { url: redis, maxRetriesPerRequest: null };
    const events = new QueueEvents(name, { connection });
    const queue = new Queue(name, {
      connection,
      streams: { events: { maxLen: 5_000_000 } },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    await Promise.all([events.waitUntilReady(), queue.waitUntilReady()]);
    return new BullmqFanOut(queue, events);
  }

  async map<Result>(task: string, items: readonly unknown[], bulk: number = BULK): Promise<Result[]> {
    const id = `m${++this.#maps}`;
    const results: Result[] = Array.from({ length: items.length });
    const { promise: gathered, resolve } = Promise.withResolvers<void>();
    let missing = items.length;
    // Registered before the jobs are added, because a worker may be faster than the reply to `addBulk`.
    items.forEach((_, i) => {
      this.#pending.set(`${id}-${i}`, (result) => {
        results[i] = result as Result;
        if (--missing === 0) resolve();
      });
    });
    for (let start = 0; start < items.length; start += bulk) {
      await this.#queue.addBulk(
        items
          .slice(start, start + bulk)
          .map((item, i) => ({ name: task, data: { item }, opts: { jobId: `${id}-${start + i}` } })),
      );
    }
    await gathered;
    return results;
  }

  /** Runs one item. */
  async call(task: string, item: number): Promise<unknown> {
    // Some completed jobs are kept, because `waitUntilFinished` fails for a job that was removed already.
    const job = await this.#queue.add(task, { item }, { removeOnComplete: 1_000 });
    return await job.waitUntilFinished(this.#events);
  }

  /** Removes all events. */
  async forget(): Promise<void> {
    await this.#queue.trimEvents(0);
  }

  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#events.close()]);
  }
}
