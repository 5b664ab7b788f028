/**
 * What an autoscaler needs to know of a queue. It does not come from the workers, because a fleet that was scaled to
 * zero has none to ask.
 */

import { Queue } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { Gauge, Registry } from "prom-client";

import { Machines, queueKeys } from "@poolmq/shared/internal";

/** A queue and its fleet at one moment. */
export interface ScaleSignal {
  readonly queue: string;
  /** Jobs that wait for a worker, those that wait for another attempt included. */
  readonly waiting: number;
  /** Jobs that workers have taken. */
  readonly active: number;
  /**
   * Both together: what to scale on. By `waiting` alone, a fleet that has just taken the last jobs would be scaled to
   * zero while it runs them.
   */
  readonly backlog: number;
  /** Worker machines that are alive. */
  readonly machines: number;
  /** Worker processes on them. */
  readonly workers: number;
  /** Items that they can run at a time. */
  readonly slots: number;
}

/** Longer than Redis takes when it is well, shorter than autoscalers wait. */
const READ_TIMEOUT_MS = 2_000;

const FLEET_HELP = {
  machines: "Worker machines of a queue that are alive",
  workers: "Worker processes on the machines of a queue",
  slots: "Items that the workers of a queue can run at a time",
} as const;

export class ScaleSignals {
  readonly #queue: string;
  readonly #bull: Queue;
  readonly #machines: Machines;
  readonly #registry = new Registry();
  readonly #jobs: Gauge<"queue" | "state">;
  readonly #fleet: readonly {
    readonly of: "machines" | "workers" | "slots";
    readonly gauge: Gauge<"queue">;
  }[];

  /** The connection stays the caller's. */
  constructor(
    redis: Redis | Cluster,
    { queue, prefix }: { readonly queue: string; readonly prefix: string },
  ) {
    const keys = queueKeys(queue, prefix);
    this.#queue = queue;
    // Looks, and leaves nothing behind.
    this.#bull = new Queue(keys.bullName, {
      connection: redis,
      prefix: keys.bullPrefix,
      skipMetasUpdate: true,
    });
    this.#bull.on("error", () => {}); // the one who asks is told
    this.#machines = new Machines(redis, keys);
    const registers = [this.#registry];
    this.#jobs = new Gauge({
      name: "poolmq_queue_jobs",
      help: "Jobs of a queue: waiting, and active. Their sum is what to scale on",
      labelNames: ["queue", "state"],
      registers,
    });
    this.#fleet = (["machines", "workers", "slots"] as const).map((of) => ({
      of,
      gauge: new Gauge({
        name: `poolmq_queue_${of}`,
        help: FLEET_HELP[of],
        labelNames: ["queue"],
        registers,
      }),
    }));
  }

  /** Asks Redis. Rejects if it does not answer in time. */
  async read(): Promise<ScaleSignal> {
    const reading = Promise.all([
      this.#bull.getJobCounts("wait", "prioritized", "delayed", "active"),
      this.#machines.live(),
    ]);
    const [counts, machines] = await unlessLate(reading);
    const waiting = (counts["wait"] ?? 0) + (counts["prioritized"] ?? 0) + (counts["delayed"] ?? 0);
    const active = counts["active"] ?? 0;
    const fit = machines.filter(({ unfit }) => unfit === undefined);
    return {
      queue: this.#queue,
      waiting,
      active,
      backlog: waiting + active,
      machines: fit.length,
      workers: fit.reduce((sum, { processes }) => sum + processes, 0),
      slots: fit.reduce((sum, { processes, concurrency }) => sum + processes * (concurrency ?? 1), 0),
    };
  }

  /** The same, as the page that Prometheus reads. */
  async page(): Promise<{ readonly contentType: string; readonly text: string }> {
    const signal = await this.read();
    const { queue, waiting, active } = signal;
    this.#jobs.set({ queue, state: "waiting" }, waiting);
    this.#jobs.set({ queue, state: "active" }, active);
    for (const { of, gauge } of this.#fleet) gauge.set({ queue }, signal[of]);
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

async function unlessLate<V>(reading: Promise<V>): Promise<V> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Redis did not answer within ${READ_TIMEOUT_MS} ms`)),
    READ_TIMEOUT_MS,
  );
  reading.catch(() => {}); // too late to be told
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
