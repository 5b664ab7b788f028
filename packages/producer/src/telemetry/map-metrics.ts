/**
 * Metrics of this process's maps, where the program has set up OpenTelemetry. What items come to is counted in plain
 * numbers, which are read when somebody collects: an item costs no call of the API.
 */

import type { Attributes, OpenTelemetry } from "@poolmq/shared/internal";

import type { MapEnd } from "../map/sink.ts";
import type { MapProgress } from "../account/map-progress.ts";

/** Every name is a series for ever; a program with more tasks has the rest of them counted together. */
const MAX_TASKS = 100;
const OTHER_TASKS = "(other)";

/** What one task's items came to. */
interface Counts {
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
  readonly #underWay = new Map<MeteredMap, number>();
  readonly #duration: { record(value: number, attributes?: Attributes): void };

  constructor(api: OpenTelemetry) {
    const meter = api.metrics.getMeter("@poolmq/producer");
    meter
      .createObservableCounter("poolmq.items", {
        description: "Items that came to their outcome",
        unit: "{item}",
      })
      .addCallback((result) => {
        for (const [task, { succeeded, failed }] of this.#counts) {
          result.observe(succeeded, { "bullmq.job.name": task, "poolmq.outcome": "succeeded" });
          result.observe(failed, { "bullmq.job.name": task, "poolmq.outcome": "failed" });
        }
      });
    meter
      .createObservableUpDownCounter("poolmq.items.in_flight", {
        description: "Items in the workers' queue, or running",
        unit: "{item}",
      })
      .addCallback((result) => {
        const running = new Map([...this.#counts.keys()].map((task) => [task, 0]));
        for (const { task, progress } of this.#underWay.keys()) {
          const label = this.#label(task);
          running.set(label, (running.get(label) ?? 0) + progress.running);
        }
        for (const [task, items] of running) result.observe(items, { "bullmq.job.name": task });
      });
    this.#duration = meter.createHistogram("poolmq.map.duration", {
      description: "From a call to the end of its map",
      unit: "s",
    });
  }

  /** Begins to count a map. */
  begin(map: MeteredMap): void {
    this.#underWay.set(map, performance.now());
  }

  /** An item of the task came to its outcome. */
  settled(task: string, outcome: keyof Counts): void {
    const label = this.#label(task);
    let counts = this.#counts.get(label);
    if (counts === undefined) this.#counts.set(label, (counts = { succeeded: 0, failed: 0 }));
    counts[outcome]++;
  }

  end(map: MeteredMap, end: MapEnd, failed: number): void {
    const beganAt = this.#underWay.get(map);
    this.#underWay.delete(map);
    if (beganAt === undefined) return;
    this.#duration.record((performance.now() - beganAt) / 1_000, {
      "bullmq.job.name": this.#label(map.task),
      "poolmq.outcome": "error" in end || failed > 0 ? "failed" : "succeeded",
    });
  }

  #label(task: string): string {
    return this.#counts.has(task) || this.#counts.size < MAX_TASKS ? task : OTHER_TASKS;
  }
}

let metrics: MapMetrics | undefined;

/** Those of this process: an instrument is made once. */
export function mapMetrics(api: OpenTelemetry): MapMetrics {
  return (metrics ??= new MapMetrics(api));
}
