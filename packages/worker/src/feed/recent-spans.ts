/** Keeps what each process of a fleet ran during the last `KEEP_MS`. Machines report only the last seconds. */

import type { QueueView, SpanView } from "../watch/queue-view.ts";

import type { ProcessSpans } from "./messages.ts";

/** As far as the page's timeline goes back. */
const KEEP_MS = 120_000;

/** The most spans of one process. More would be thinner than a pixel. */
const MAX_SPANS = 240;

interface Process {
  readonly machine: string;
  readonly pid: number;
  /** By number. */
  readonly spans: Map<number, SpanView>;
}

export class RecentSpans {
  readonly #processes = new Map<string, Process>();

  /** Takes in what the machines report now. Gives the spans that are new or have grown. */
  add({ atMs, machines }: QueueView): ProcessSpans[] {
    const news = machines.flatMap(({ id: machine, children }) => {
      return (children ?? []).flatMap(({ pid, spans }) => {
        const fresh = this.#add(machine, pid, spans);
        return fresh.length === 0 ? [] : [{ machine, pid, spans: fresh }];
      });
    });
    this.#forget(atMs - KEEP_MS);
    return news;
  }

  get all(): ProcessSpans[] {
    return [...this.#processes.values()].map(({ machine, pid, spans }) => ({
      machine,
      pid,
      spans: [...spans.values()],
    }));
  }

  #add(machine: string, pid: number, told: readonly SpanView[]): SpanView[] {
    const key = `${machine} ${pid}`;
    const spans = this.#processes.get(key)?.spans ?? new Map<number, SpanView>();
    if (told.length > 0) this.#processes.set(key, { machine, pid, spans });
    // The machine's clock and this one are compared anew at each look, so that the times of an unchanged span differ
    // slightly.
    const fresh = told.filter(({ no, items }) => (spans.get(no)?.items ?? 0) < items);
    for (const span of fresh) spans.set(span.no, span);
    return fresh;
  }

  #forget(beforeMs: number): void {
    for (const [key, { spans }] of this.#processes) {
      for (const [no, { toMs }] of spans) {
        if (toMs >= beforeMs && spans.size <= MAX_SPANS) break;
        spans.delete(no);
      }
      if (spans.size === 0) this.#processes.delete(key);
    }
  }
}
