/**
 * OpenTelemetry's API, where a program has set it up. Its package is an optional peer, and is loaded only once the program
 * has registered something: a program without OpenTelemetry pays for one look at a global variable.
 *
 * The types here say only what is used, so that the packages' own types need nothing that may not be installed. A test
 * holds them against the real ones.
 */

import { createRequire } from "node:module";

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

export interface Span {
  spanContext(): SpanContext;
  setAttributes(attributes: Attributes): unknown;
  recordException(exception: string | Error): void;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

interface Observable {
  addCallback(callback: (result: { observe(value: number, attributes?: Attributes): void }) => void): void;
}

interface MetricOptions {
  readonly description: string;
  readonly unit: string;
  /** Bounds of a histogram's buckets: the SDK's own suit milliseconds. */
  readonly advice?: { explicitBucketBoundaries?: number[] };
}

export interface OpenTelemetry {
  readonly trace: {
    getTracer(
      name: string,
      version?: string,
    ): {
      startSpan(
        name: string,
        options: { readonly kind: number; readonly attributes: Attributes },
        context: Context,
      ): Span;
    };
    getTracerProvider(): object;
    setSpan(context: Context, span: Span): Context;
    setSpanContext(context: Context, spanContext: SpanContext): Context;
  };
  readonly context: {
    active(): Context;
    with<V>(context: Context, fn: () => V): V;
  };
  readonly propagation: {
    inject(context: Context, carrier: Record<string, string>): void;
    extract(context: Context, carrier: Readonly<Record<string, string>>): Context;
  };
  readonly metrics: {
    getMeter(
      name: string,
      version?: string,
    ): {
      createObservableCounter(name: string, options: MetricOptions): Observable;
      createObservableUpDownCounter(name: string, options: MetricOptions): Observable;
      createHistogram(
        name: string,
        options: MetricOptions,
      ): { record(value: number, attributes?: Attributes): void };
    };
  };
  readonly ROOT_CONTEXT: Context;
  readonly SpanKind: { readonly PRODUCER: number; readonly CONSUMER: number };
  readonly SpanStatusCode: { readonly ERROR: number };
}

/** The global symbol under which all copies of version 1 of the API keep what a program has registered. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/**
 * The field of a job's trace that holds the name of its queue, which the process that runs the job does not know
 * otherwise. Propagators ignore it, because they read their own fields only.
 */
export const QUEUE_FIELD = "poolmq-queue";

/** Version of the package that makes spans and metrics; `undefined` where it is bundled. */
export function packageVersion(url: string): string | undefined {
  try {
    return (createRequire(url)("../../package.json") as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}

let loaded: OpenTelemetry | undefined;

/** Gives the API if this process has registered something for these signals; `undefined` otherwise. */
export function openTelemetry(signal: "trace" | "metrics"): OpenTelemetry | undefined {
  const registered = (globalThis as { readonly [REGISTERED]?: Readonly<Record<string, unknown>> })[
    REGISTERED
  ];
  if (registered?.[signal] === undefined) return undefined;
  return (loaded ??= load());
}

function load(): OpenTelemetry | undefined {
  try {
    return createRequire(import.meta.url)("@opentelemetry/api") as OpenTelemetry;
  } catch {
    // The copy that registered is out of reach: it is a dependency of another package only.
    return undefined;
  }
}

/** Flushes the spans that this process has recorded, before it ends. Never rejects. */
export async function flushTelemetry(): Promise<void> {
  const provider: Flushable | undefined = openTelemetry("trace")?.trace.getTracerProvider();
  try {
    await (provider?.getDelegate?.() ?? provider)?.forceFlush?.();
  } catch {
    // The exporter writes its failures to a log of its own.
  }
}

/** What the SDK's provider has beyond the API; the API may hand out a stand-in for it. */
interface Flushable {
  getDelegate?(): Flushable;
  forceFlush?(): Promise<void>;
}
