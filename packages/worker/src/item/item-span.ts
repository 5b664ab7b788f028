/** An item's span, under that of its map, where both processes have set up OpenTelemetry. */

import { openTelemetry, packageVersion, QUEUE_FIELD } from "@poolmq/shared/task";
import type { Attributes } from "@poolmq/shared/task";

import type { TaskContext } from "../task/task-context.ts";

/** The facts of an item that its span records. */
export interface SpanFacts {
  /** The caller's trace: JSON of what the propagators wrote, in the form of BullMQ's own telemetry. */
  readonly trace: string;
  /** When the job was enqueued, by the wall clock; `undefined` if it was run before. */
  readonly enqueuedAtMs: number | undefined;
  readonly task: string;
  /** Index of the job's first item. */
  readonly at: number;
  readonly index: number;
  readonly worker: string;
}

/** Calls the function in a span and in its context, so that spans that the function starts become its children. */
export async function inItemSpan<V>(
  facts: SpanFacts,
  item: Pick<TaskContext, "mapId" | "attempt"> | undefined,
  fn: () => V,
): Promise<Awaited<V>> {
  const api = openTelemetry("trace");
  const carrier = api === undefined ? undefined : readCarrier(facts.trace);
  if (api === undefined || carrier === undefined || item === undefined) return await fn();
  const { mapId, attempt } = item;
  const { trace, context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api;
  const { [QUEUE_FIELD]: queue, ...written } = carrier;
  const parent = propagation.extract(ROOT_CONTEXT, written);
  const { task, at, index, worker, enqueuedAtMs } = facts;
  const options = {
    kind: SpanKind.CONSUMER,
    attributes: {
      "bullmq.queue.operation": "process",
      "bullmq.job.name": task,
      "bullmq.job.id": `${mapId}-${at}`,
      "bullmq.job.attempts.made": attempt - 1,
      "bullmq.worker.id": worker,
      "poolmq.map.id": mapId,
      "poolmq.item.index": index,
      // The clocks of two machines may differ: an item that seems to begin before it was enqueued counts as one that did
      // not wait.
      ...(enqueuedAtMs === undefined
        ? {}
        : { "poolmq.item.waited_ms": Math.max(0, Date.now() - enqueuedAtMs) }),
      ...(queue === undefined ? {} : messagingOf(queue, `${mapId}-${at}`)),
    },
  };
  const span = trace
    .getTracer("@poolmq/worker", packageVersion(import.meta.url))
    .startSpan(`process ${task}`, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), fn);
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : String(thrown);
    span.recordException(error);
    span.setAttributes({ "error.type": thrown instanceof Error ? String(thrown.name) : typeof thrown });
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : error });
    throw thrown;
  } finally {
    span.end();
  }
}

/** The attributes of OpenTelemetry's conventions for messaging, in addition to BullMQ's own. */
function messagingOf(queue: string, jobId: string): Attributes {
  return {
    "messaging.system": "bullmq",
    "messaging.destination.name": queue,
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.message.id": jobId,
  };
}

/** The text is checked, because anyone who can write to Redis may have written it. */
function readCarrier(trace: string): Record<string, string> | undefined {
  try {
    const carrier: unknown = JSON.parse(trace);
    if (typeof carrier !== "object" || carrier === null) return undefined;
    const entries = Object.entries(carrier).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    return Object.fromEntries(entries);
  } catch {
    return undefined;
  }
}
