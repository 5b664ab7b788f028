/**
 * Metrics of this process's maps, where the program has set up OpenTelemetry. Outcomes are counted in plain numbers,
 * which are read when metrics are collected, so that an item costs no call of the API.
 */

import { packageVersion } from "@poolmq/shared/internal";
import type { Attributes, OpenTelemetry } from "@poolmq/shared/internal";

import type { MapEnd } from "../map/outcomes/sink.ts";
import type { MapProgress } from "../account/map-progress.ts";

/** Tasks beyond this number are counted together, because each name makes a time series that is never dropped. */
const MAX_TASKS = 100;
const OTHER_TASKS = "(other)";

/**
 * Buckets in seconds: those of the semantic conventions for messaging operations, and longer ones, since maps take
 * longer.
 */
const DURATION_BUCKETS_S = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900, 3_600,
];

/** Counts of one task's items on one queue. */
interface Counts {
  readonly attributes: Attributes;
  succeeded: number;
  failed: number;
}

/** A map that is under way. */
interface MeteredMap {
  readonly task: string;
  readonly progress: Pick<MapProgress, "running">;
}

export class MapMetrics {
  readonly #counts = new Map<string, Counts>();
  readonly #underWay = new Map<
    MeteredMap,
    { readonly queue: string | undefined; readonly calledAt: number }
  >();
  readonly #duration: { record(value: number, attributes?: Attributes): void };

  constructor(api: OpenTelemetry) {
    const meter = api.metrics.getMeter("@poolmq/producer", packageVersion(import.meta.url));
    meter
      .createObservableCounter("poolmq.items", {
        description: "Items that came to their outcome",
        unit: "{item}",
      })
      .addCallback((result) => {
        for (const { attributes, succeeded, failed } of this.#counts.values()) {
          result.observe(succeeded, { ...attributes, "poolmq.outcome": "succeeded" });
          result.observe(failed, { ...attributes, "poolmq.outcome": "failed" });
        }
      });
    meter
      .createObservableUpDownCounter("poolmq.items.in_flight", {
        description: "Items in the workers' queue, or running",
        unit: "{item}",
      })
      .addCallback((result) => {
        const running = new Map([...this.#counts.values()].map((counts) => [counts, 0]));
        for (const [{ task, progress }, { queue }] of this.#underWay) {
          const counts = this.#countsOf(task, queue);
          running.set(counts, (running.get(counts) ?? 0) + progress.running);
        }
        for (const [{ attributes }, items] of running) result.observe(items, attributes);
      });
    this.#duration = meter.createHistogram("poolmq.map.duration", {
      description: "From a call to the end of its map",
      unit: "s",
      advice: { explicitBucketBoundaries: DURATION_BUCKETS_S },
    });
  }

  /**
   * Begins to count a map. `queue` is undefined if the queue is private.
   *
   * @param calledAt - when its call was made, by the monotonic clock
   */
  begin(map: MeteredMap, queue: string | undefined, calledAt: number): void {
    this.#underWay.set(map, { queue, calledAt });
  }

  /** Counts an outcome of an item of the task. */
  settled(task: string, queue: string | undefined, outcome: "succeeded" | "failed"): void {
    this.#countsOf(task, queue)[outcome]++;
  }

  end(map: MeteredMap, end: MapEnd, failed: number): void {
    const begun = this.#underWay.get(map);
    this.#underWay.delete(map);
    if (begun === undefined) return;
    this.#duration.record((performance.now() - begun.calledAt) / 1_000, {
      ...this.#countsOf(map.task, begun.queue).attributes,
      "poolmq.outcome": "error" in end || failed > 0 ? "failed" : "succeeded",
    });
  }

  #countsOf(task: string, queue: string | undefined): Counts {
    const key = `${task}\n${queue ?? ""}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.size >= MAX_TASKS && task !== OTHER_TASKS) return this.#countsOf(OTHER_TASKS, undefined);
    const destination = queue === undefined ? {} : { "messaging.destination.name": queue };
    const counts = { attributes: { "bullmq.job.name": task, ...destination }, succeeded: 0, failed: 0 };
    this.#counts.set(key, counts);
    return counts;
  }
}

let metrics: MapMetrics | undefined;

/** The metrics of this process; each instrument is made once. */
export function mapMetrics(api: OpenTelemetry): MapMetrics {
  return (metrics ??= new MapMetrics(api));
}
