/**
 * A map's span, where the program has set up OpenTelemetry. Its context travels with the jobs, in the job option that
 * BullMQ's own telemetry uses, so that the spans of items become its children.
 */

import { errorFacts, packageVersion, QUEUE_FIELD, toJson } from "@poolmq/shared/internal";
import type { Attributes, Context, OpenTelemetry, Span } from "@poolmq/shared/internal";

import type { MapEnd } from "../map/outcomes/sink.ts";
import type { ResolvedTelemetry } from "../options/telemetry-options.ts";

/** The flag of a trace that is recorded (W3C Trace Context). */
const SAMPLED = 1;

export interface SpannedMap {
  readonly id: string;
  /** Name of the pool's method. */
  readonly call: string;
  readonly task: string;
  /** The queue's name, if the pool was given one. */
  readonly queue: string | undefined;
}

export class MapSpan {
  readonly #api: OpenTelemetry;
  readonly #span: Span;
  readonly #queue: string | undefined;
  readonly #itemSpans: number;
  /** The trace of a job whose items get spans, and of one whose items get none. */
  readonly #sampled: string | undefined;
  readonly #unsampled: string | undefined;

  /** Begins the span as a child of the one that is active where the pool is called. */
  constructor(api: OpenTelemetry, { id, call, task, queue }: SpannedMap, { itemSpans }: ResolvedTelemetry) {
    this.#api = api;
    this.#queue = queue;
    this.#itemSpans = itemSpans;
    const { trace, context, SpanKind } = api;
    const caller = context.active();
    const attributes = {
      "bullmq.queue.operation": "addBulk",
      "bullmq.job.name": task,
      "poolmq.map.id": id,
      ...(queue === undefined ? {} : { "bullmq.queue.name": queue, ...messagingOf(call, queue) }),
    };
    const tracer = trace.getTracer("@poolmq/producer", packageVersion(import.meta.url));
    this.#span = tracer.startSpan(`${call} ${task}`, { kind: SpanKind.PRODUCER, attributes }, caller);
    const spanContext = this.#span.spanContext();
    this.#sampled = this.#written(trace.setSpan(caller, this.#span));
    const unsampled = { ...spanContext, traceFlags: spanContext.traceFlags & ~SAMPLED };
    this.#unsampled = this.#written(trace.setSpanContext(caller, unsampled));
  }

  /** Gives the trace for the next job; `undefined` if no propagator is registered. */
  readonly trace = (): string | undefined =>
    this.#itemSpans === 1 || Math.random() < this.#itemSpans ? this.#sampled : this.#unsampled;

  end(end: MapEnd, { jobs, items, failed }: { jobs: number; items: number; failed: number }): void {
    this.#span.setAttributes({
      "bullmq.job.bulk.count": jobs,
      ...(this.#queue === undefined ? {} : { "messaging.batch.message_count": jobs }),
      "poolmq.map.items": items,
      "poolmq.map.failed": failed,
    });
    const code = this.#api.SpanStatusCode.ERROR;
    if ("error" in end) {
      const error = end.error instanceof Error ? end.error : String(end.error);
      this.#span.recordException(error);
      this.#span.setAttributes({ "error.type": errorFacts(end.error).name });
      this.#span.setStatus({ code, message: error instanceof Error ? error.message : error });
    } else if (failed > 0) {
      this.#span.setAttributes({ "error.type": "items_failed" });
      this.#span.setStatus({ code, message: `${failed} of ${items} items failed` });
    }
    this.#span.end();
  }

  #written(context: Context): string | undefined {
    const carrier: Record<string, string> = {};
    this.#api.propagation.inject(context, carrier);
    if (Object.keys(carrier).length === 0) return undefined;
    if (this.#queue !== undefined) carrier[QUEUE_FIELD] = this.#queue;
    return toJson(carrier);
  }
}

/** The attributes of OpenTelemetry's conventions for messaging, in addition to BullMQ's own. */
function messagingOf(call: string, queue: string): Attributes {
  return {
    "messaging.system": "bullmq",
    "messaging.destination.name": queue,
    "messaging.operation.name": call,
    "messaging.operation.type": "send",
  };
}
