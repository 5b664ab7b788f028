/**
 * What one host ran: the number of items and, for watchers, the latest spans. Spans are recorded even while nobody
 * watches, because that costs less than a microsecond a job.
 */

import type { SpanDetail } from "@poolmq/shared/internal";

/** Runs with a shorter pause than this between them may form one span. */
const MAX_GAP_MS = 20;

/** A run that took longer is a span of its own. */
const SHORT_MS = 100;

/** Watchers look once a second, and may be late. */
const KEEP_MS = 5_000;

const MAX_SPANS = 32;

/** As a `SpanDetail`, by the monotonic clock. */
type Span = { -readonly [K in keyof SpanDetail]: SpanDetail[K] };

export class WorkLog {
  #items = 0;
  /** Oldest first. */
  readonly #spans: Span[] = [];
  #next = 0;

  /** Number of items that ended, in whatever way. */
  get items(): number {
    return this.#items;
  }

  ended(items: number): void {
    this.#items += items;
  }

  /** Notes a job that ended just now and ran for `ms`. */
  ran(
    { fn: task, map, n }: { readonly fn: string; readonly map: string; readonly n: number },
    ms: number,
  ): void {
    const toMs = performance.now();
    const fromMs = toMs - ms;
    const last = this.#spans.at(-1);
    if (
      last !== undefined &&
      ms < SHORT_MS &&
      fromMs - last.toMs < MAX_GAP_MS &&
      last.map === map &&
      last.task === task
    ) {
      last.toMs = toMs;
      last.items += n;
      return;
    }
    this.#spans.push({ no: this.#next++, task, map, fromMs, toMs, items: n });
    if (this.#spans.length > MAX_SPANS) this.#spans.shift();
  }

  /** The spans of the last seconds, in ms since 1970. */
  recent(): SpanDetail[] {
    const now = performance.now();
    const shift = Date.now() - now;
    return this.#spans
      .filter(({ toMs }) => now - toMs < KEEP_MS)
      .map((span) => ({
        ...span,
        fromMs: Math.round(span.fromMs + shift),
        toMs: Math.round(span.toMs + shift),
      }));
  }
}
