/** Reports a map to OpenTelemetry, if this process has set that up. */

import { openTelemetry } from "@poolmq/shared/internal";

import type { MapInsights } from "../account/map-insights.ts";
import { mapMetrics } from "./map-metrics.ts";
import type { MapMetrics } from "./map-metrics.ts";
import type { MapEnd, Sink } from "../map/outcomes/sink.ts";
import type { MapRun } from "../map/map-run.ts";
import { MapSpan } from "./map-span.ts";
import type { SpannedMap } from "./map-span.ts";
import type { ResolvedTelemetry } from "../options/telemetry-options.ts";

export class MapTelemetry {
  readonly #span: MapSpan | undefined;
  readonly #metrics: MapMetrics | undefined;
  readonly #queue: string | undefined;
  /** When the call was made, by the monotonic clock. It may wait before its map begins. */
  readonly #since: number = performance.now();

  private constructor(span: MapSpan | undefined, metrics: MapMetrics | undefined, queue: string | undefined) {
    this.#span = span;
    this.#metrics = metrics;
    this.#queue = queue;
  }

  /** Begins to report a map; `undefined` if OpenTelemetry is not set up. */
  static begin(map: SpannedMap, options: ResolvedTelemetry | undefined): MapTelemetry | undefined {
    if (options === undefined) return undefined;
    const [tracing, metering] = [openTelemetry("trace"), openTelemetry("metrics")];
    if (tracing === undefined && metering === undefined) return undefined;
    return new MapTelemetry(
      tracing === undefined ? undefined : new MapSpan(tracing, map, options),
      metering === undefined ? undefined : mapMetrics(metering),
      map.queue,
    );
  }

  /** Gives the function that makes the trace of a job. */
  get trace(): (() => string | undefined) | undefined {
    return this.#span?.trace;
  }

  /** Gives a sink that reports outcomes, and passes them on to the inner one. */
  watch(
    inner: Sink,
    map: () => Pick<MapRun, "task" | "progress"> & { readonly insights: MapInsights },
  ): Sink {
    const metrics = this.#metrics;
    return {
      succeeded: (index, value) => {
        metrics?.settled(map().task, this.#queue, "succeeded");
        inner.succeeded(index, value);
      },
      failed: (index, error) => {
        metrics?.settled(map().task, this.#queue, "failed");
        inner.failed(index, error);
      },
      ended: (end) => {
        this.#end(map(), end);
        inner.ended(end);
      },
    };
  }

  /** Notes that the map is under way. */
  began(map: Pick<MapRun, "task" | "progress">): void {
    this.#metrics?.begin(map, this.#queue, this.#since);
  }

  #end(map: Pick<MapRun, "task" | "progress"> & { readonly insights: MapInsights }, end: MapEnd): void {
    const { done, failed } = map.progress;
    this.#metrics?.end(map, end, failed);
    this.#span?.end(end, { jobs: map.insights.chunks.jobs, items: done, failed });
  }
}
