/**
 * What an autoscaler needs to know of a queue. It is read from Redis and not from workers, because a fleet that was
 * scaled to zero has none.
 */

import type { Cluster, Redis } from "ioredis";
import { Gauge, Registry } from "prom-client";

import { queueKeys, readAdvertisement, readMapReport, readQueue } from "@poolmq/shared/redis";
import type { QueueKeys, QueueReading } from "@poolmq/shared/redis";

import { mapView } from "./map-view.ts";
import { OrphanedJobs } from "./orphaned-jobs.ts";

/** A queue and its fleet at one moment. */
export interface ScaleSignal {
  readonly queue: string;
  /** Jobs that wait for a worker, or for another attempt. */
  readonly waiting: number;
  /** Jobs that wait for a permit of their limit by key, whatever the number of workers. Absent: none. */
  readonly limited?: number;
  /** Waiting jobs whose producer is gone. Workers drop them when they fetch them. Absent: none. */
  readonly orphaned?: number;
  /**
   * Jobs that wait at their producers, because each map has only half a second of the fleet's work in the queue. Counted
   * for maps that are older than a second and know the number of their items; for a map with a limit by key, at most as
   * many as the limit lets run at a time. Absent: none.
   */
  readonly held?: number;
  /** Jobs that workers have taken. */
  readonly active: number;
  /** Set while the queue is paused, so that workers take no more jobs. Absent: it is not. */
  readonly paused?: true;
  /**
   * The number to scale on: jobs that run, and jobs that wait, at their producers too, without orphaned ones. By
   * `waiting` alone, a fleet that has just taken the last jobs would be scaled to zero while it runs them. Waiting jobs
   * do not count while the queue is paused. It is at least 1 while jobs wait for a permit, because a worker has to call
   * them when there is one.
   */
  readonly backlog: number;
  /** Worker machines that are alive. */
  readonly machines: number;
  /** Worker processes on them. */
  readonly workers: number;
  /** Items that they can run at a time. */
  readonly slots: number;
}

/** How long to wait for Redis, in ms: longer than a healthy Redis takes, and shorter than autoscalers wait. */
const READ_TIMEOUT_MS = 2_000;

const GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly read: (signal: ScaleSignal) => number;
}[] = [
  {
    name: "backlog",
    help: "Jobs of a queue that run, or that wait for a worker and for somebody: what to scale on",
    read: ({ backlog }) => backlog,
  },
  {
    name: "paused",
    help: "1 while workers take no jobs of a queue, until it is resumed",
    read: ({ paused }) => (paused === true ? 1 : 0),
  },
  {
    name: "machines",
    help: "Worker machines of a queue that are alive",
    read: ({ machines }) => machines,
  },
  {
    name: "workers",
    help: "Worker processes on the machines of a queue",
    read: ({ workers }) => workers,
  },
  {
    name: "slots",
    help: "Items that the workers of a queue can run at a time",
    read: ({ slots }) => slots,
  },
];

export class ScaleSignals {
  readonly #redis: Redis | Cluster;
  readonly #queue: string;
  readonly #keys: QueueKeys;
  readonly #orphans: OrphanedJobs;
  readonly #others: readonly ScaleSignals[];
  readonly #registry = new Registry();
  readonly #jobs: Gauge<"queue" | "state">;
  readonly #gauges: readonly {
    readonly gauge: Gauge<"queue">;
    readonly read: (signal: ScaleSignal) => number;
  }[];

  /**
   * The connection stays the caller's.
   *
   * @param others - connections and keys of the other shards, if the queue is spread over several
   */
  constructor(
    redis: Redis | Cluster,
    { queue, prefix }: { readonly queue: string; readonly prefix: string },
    others: readonly ScaleSignals[] = [],
  ) {
    this.#others = others;
    this.#redis = redis;
    this.#queue = queue;
    this.#keys = queueKeys(queue, prefix);
    this.#orphans = new OrphanedJobs(redis, this.#keys);
    const registers = [this.#registry];
    this.#jobs = new Gauge({
      name: "poolmq_queue_jobs",
      help: "Jobs of a queue: waiting, those of them that are orphaned, limited by key, held back by their producers, and active",
      labelNames: ["queue", "state"],
      registers,
    });
    this.#gauges = GAUGES.map(({ name, help, read }) => ({
      gauge: new Gauge({ name: `poolmq_queue_${name}`, help, labelNames: ["queue"], registers }),
      read,
    }));
  }

  /** Reads the signal. Rejects if Redis does not answer in time; with several shards, if none does. */
  async read(): Promise<ScaleSignal> {
    const own = unlessLate(this.#read());
    if (this.#others.length === 0) return await own;
    const told = await Promise.allSettled([own, ...this.#others.map((other) => other.read())]);
    const signals = told.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    return signals.length === 0 ? await own : mergeSignals(this.#queue, signals);
  }

  async #read(): Promise<ScaleSignal> {
    const reading = await readQueue(this.#redis, this.#keys);
    const { paused, jobs, machines } = reading;
    const { active } = jobs;
    const { limited = 0 } = jobs;
    const waiting = jobs.waiting + jobs.delayed;
    const orphaned = await this.#orphans.count(reading);
    const held = heldJobs(reading);
    const wanted = Math.max(waiting - orphaned + held, limited > 0 ? 1 - active : 0);
    const fit = machines
      .flatMap(({ advertisement }) => readAdvertisement(advertisement) ?? [])
      .filter(({ unfit }) => unfit === undefined);
    return {
      queue: this.#queue,
      waiting,
      ...(limited === 0 ? {} : { limited }),
      ...(orphaned === 0 ? {} : { orphaned }),
      ...(held === 0 ? {} : { held }),
      active,
      ...(paused ? { paused } : {}),
      backlog: active + (paused ? 0 : wanted),
      machines: fit.length,
      workers: fit.reduce((sum, { processes }) => sum + processes, 0),
      slots: fit.reduce((sum, { processes, concurrency }) => sum + processes * (concurrency ?? 1), 0),
    };
  }

  /** Reads the signal as a page for Prometheus. */
  async page(): Promise<{ readonly contentType: string; readonly text: string }> {
    const signal = await this.read();
    const { queue, waiting, limited = 0, orphaned = 0, held = 0, active } = signal;
    for (const [state, jobs] of Object.entries({ waiting, limited, orphaned, held, active })) {
      this.#jobs.set({ queue, state }, jobs);
    }
    for (const { gauge, read } of this.#gauges) gauge.set({ queue }, read(signal));
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}

/**
 * Adds up the jobs, each of which is on one shard. Machines, and jobs held by producers, are reported to all shards, and
 * counted once.
 */
function mergeSignals(queue: string, signals: readonly ScaleSignal[]): ScaleSignal {
  const sum = (count: (signal: ScaleSignal) => number): number =>
    signals.reduce((all, signal) => all + count(signal), 0);
  const most = (count: (signal: ScaleSignal) => number): number => Math.max(...signals.map(count));
  const orphaned = sum((signal) => signal.orphaned ?? 0);
  const held = most((signal) => signal.held ?? 0);
  const limited = sum((signal) => signal.limited ?? 0);
  const waiting = sum((signal) => signal.waiting);
  const active = sum((signal) => signal.active);
  const isPaused = signals.some(({ paused }) => paused === true);
  return {
    queue,
    waiting,
    ...(limited === 0 ? {} : { limited }),
    ...(orphaned === 0 ? {} : { orphaned }),
    ...(held === 0 ? {} : { held }),
    active,
    ...(isPaused ? { paused: true as const } : {}),
    backlog: active + (isPaused ? 0 : Math.max(waiting - orphaned + held, limited > 0 ? 1 - active : 0)),
    machines: most(({ machines }) => machines),
    workers: most(({ workers }) => workers),
    slots: most(({ slots }) => slots),
  };
}

/** The number of jobs that live producers have not sent yet. */
function heldJobs({ reports, atMs }: QueueReading): number {
  let held = 0;
  for (const { id, text } of reports) {
    const told = readMapReport(text);
    if (told === undefined || !mapView(id, told.report, told.toldAtMs, atMs).producer.alive) continue;
    const { total, done, running, perJob, atOnce = Infinity } = told.report;
    if (total === undefined) continue;
    const [left, sent] = [total - done - running, running].map((items) => items / Math.max(1, perJob));
    held += Math.max(0, Math.ceil(Math.min(left ?? 0, atOnce - (sent ?? 0))));
  }
  return held;
}

async function unlessLate<V>(reading: Promise<V>): Promise<V> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Redis did not answer within ${READ_TIMEOUT_MS} ms`)),
    READ_TIMEOUT_MS,
  );
  reading.catch(() => {}); // a rejection after the time limit is ignored
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}
