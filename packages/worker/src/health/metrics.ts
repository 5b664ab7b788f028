/** The metrics of a worker machine, in Prometheus' format. Loaded only where somebody asks for them. */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { settlesWithin } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";

import type { ChildLossReason } from "../crew/loss-reason.ts";
import type { ObservedJob, WorkObserver } from "../job/context/work-observer.ts";
import type { MachineSnapshot } from "../supervisor/machine-status.ts";
import { VERSION } from "../version.ts";

/**
 * Prometheus interpolates linearly within a bucket: with 24 buckets per power of ten, its quantiles are within 10 % of
 * the truth.
 */
const BUCKETS_PER_DECADE = 24;
const SHORTEST_S = 0.001;
const LONGEST_S = 3_600;
const BUCKETS_S = Array.from(
  { length: Math.ceil(Math.log10(LONGEST_S / SHORTEST_S) * BUCKETS_PER_DECADE) + 1 },
  (_, place) => Number((SHORTEST_S * 10 ** (place / BUCKETS_PER_DECADE)).toPrecision(3)),
);

/** Time limit of the ping to Redis, in ms, for which a scrape waits. */
const PING_TIMEOUT_MS = 500;

/** Tasks beyond this number are counted together, because each label value makes a time series that is never dropped. */
const MAX_TASKS = 100;

/** Number of tasks with histograms of their own: a histogram makes a time series for each bucket. */
const MAX_TIMED_TASKS = 20;
const OTHER_TASKS = "(other)";

/** Gauges of prom-client whose names end as only those of counters may, by Prometheus' rules. Each is a sum over other gauges. */
const MISNAMED = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
] as const;

/** The parts of a machine that its metrics read. */
export interface MeteredMachine {
  ping(): Promise<void>;
  readonly snapshot: MachineSnapshot;
  /** Registered functions by name. */
  readonly tasks: Readonly<Record<string, unknown>>;
}

export class Metrics implements WorkObserver {
  readonly #registry = new Registry();
  readonly #machine: MeteredMachine;
  readonly #items: Counter<"task" | "outcome">;
  readonly #runSeconds: Histogram<"task">;
  readonly #waitSeconds: Histogram<"task">;
  readonly #retries: Counter<"task">;
  /** Tasks that have series of their own, with their number in the order in which they came. */
  readonly #named = new Map<string, number>();

  constructor(machine: MeteredMachine, labels: { readonly queue: string }) {
    this.#machine = machine;
    const registers = [this.#registry];
    this.#registry.setDefaultLabels(labels);
    // This process's memory, processor time, event-loop lag and garbage collection, under prom-client's usual names.
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
    this.#items = new Counter({
      name: "poolmq_items_total",
      help: "Items that came to their outcome here: ok, threw, or the code of poolmq's error",
      labelNames: ["task", "outcome"],
      registers,
    });
    this.#runSeconds = new Histogram({
      name: "poolmq_job_run_seconds",
      help: "How long jobs ran: one item each, or a chunk of them",
      labelNames: ["task"],
      buckets: BUCKETS_S,
      registers,
    });
    this.#waitSeconds = new Histogram({
      name: "poolmq_job_wait_seconds",
      help: "How long jobs waited from being enqueued, by the producer's clock, to their first start",
      labelNames: ["task"],
      buckets: BUCKETS_S,
      registers,
    });
    this.#retries = new Counter({
      name: "poolmq_job_retries_total",
      help: "Runs of jobs that were tried again because an item had failed",
      labelNames: ["task"],
      registers,
    });
    this.#addSnapshot();
    this.#addHealth();
  }

  ran(job: ObservedJob, ms: number): void {
    const task = this.#label(job.name, MAX_TIMED_TASKS);
    this.#runSeconds.observe({ task }, ms / 1_000);
    // Only the wait before the first attempt tells how long the queue is. The clocks of producer and machine may differ.
    if (job.attemptsMade > 0) {
      this.#retries.inc({ task: this.#label(job.name) });
      return;
    }
    this.#waitSeconds.observe({ task }, Math.max(0, Date.now() - ms - job.timestamp) / 1_000);
  }

  published(taskName: string, items: number, outcomes: OutcomeText): void {
    const task = this.#label(taskName);
    if (outcomes.startsWith("=")) {
      this.#items.inc({ task, outcome: "ok" }, items);
      return;
    }
    for (const outcome of JSON.parse(outcomes.slice(1)) as ItemOutcome[]) {
      this.#items.inc({ task, outcome: kindOf(outcome) });
    }
  }

  /** Gives the page that Prometheus reads. */
  async page(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #addHealth(): void {
    const machine = this.#machine;
    const registers = [this.#registry];
    new Gauge({
      name: "poolmq_build_info",
      help: "1, with the versions of poolmq and of Node",
      labelNames: ["version", "node"],
      registers,
    }).set({ version: VERSION, node: process.versions.node }, 1);
    new Gauge({
      name: "poolmq_redis_up",
      help: "1 if Redis answers a PING in time",
      registers,
      async collect() {
        this.set((await settlesWithin(PING_TIMEOUT_MS, machine.ping())) ? 1 : 0);
      },
    });
    new Gauge({
      name: "poolmq_child_memory_bytes",
      help: "Resident memory of all child processes together",
      registers,
      collect() {
        this.set(machine.snapshot.childMemoryBytes);
      },
    });
  }

  /** Adds gauges of figures that are counted elsewhere; they are read when the page is requested. */
  #addSnapshot(): void {
    const machine = this.#machine;
    const registers = [this.#registry];
    new Gauge({
      name: "poolmq_machine_state",
      help: "1 for the state that the machine is in: starting, running, draining or stopped",
      labelNames: ["state"],
      registers,
      collect() {
        this.reset();
        this.set({ state: machine.snapshot.state }, 1);
      },
    });
    new Gauge({
      name: "poolmq_children",
      help: "Child processes: ready to run items, starting, and wanted in all",
      labelNames: ["state"],
      registers,
      collect() {
        const { childrenReady, childrenStarting, processes } = machine.snapshot;
        this.set({ state: "ready" }, childrenReady);
        this.set({ state: "starting" }, childrenStarting);
        this.set({ state: "wanted" }, processes);
      },
    });
    new Gauge({
      name: "poolmq_jobs",
      help: "Jobs on this machine: running, and waiting for a child",
      labelNames: ["state"],
      registers,
      collect() {
        const { jobsRunning, jobsWaiting } = machine.snapshot;
        this.set({ state: "running" }, jobsRunning);
        this.set({ state: "waiting" }, jobsWaiting);
      },
    });
    new Counter({
      name: "poolmq_child_losses_total",
      help: "Child processes that ended unasked: exit, signal, out_of_memory, or stopped_task if killed to stop a task",
      labelNames: ["reason"],
      registers,
      collect() {
        this.reset();
        const losses = Object.entries(machine.snapshot.childLosses) as [ChildLossReason, number][];
        for (const [reason, count] of losses) this.inc({ reason }, count);
      },
    });
    new Counter({
      name: "poolmq_publish_retries_total",
      help: "How often Redis refused outcomes (it was full, say), which were then tried again",
      registers,
      collect() {
        this.reset();
        this.inc(machine.snapshot.publishRetries);
      },
    });
    new Counter({
      name: "poolmq_locks_lost_total",
      help: "Jobs whose lock expired while they were here, so that another machine may have run them too",
      registers,
      collect() {
        this.reset();
        this.inc(machine.snapshot.locksLost);
      },
    });
  }

  /**
   * Only names of registered tasks become labels, and not too many of them, because anyone who can write to Redis can
   * name a job.
   */
  #label(task: string, most = MAX_TASKS): string {
    let place = this.#named.get(task);
    if (place === undefined) {
      if (this.#named.size >= MAX_TASKS || !Object.hasOwn(this.#machine.tasks, task)) return OTHER_TASKS;
      this.#named.set(task, (place = this.#named.size));
    }
    return place < most ? task : OTHER_TASKS;
  }
}

function kindOf(outcome: ItemOutcome): string {
  return outcome.s === "failed" ? outcome.failure.code.toLowerCase() : outcome.s;
}
