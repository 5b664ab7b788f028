/** A durable map that another process enqueued, of which only the outcomes are known. */

import type { OutcomeText } from "@poolmq/shared/internal";

import { MapAccount } from "../account/map-account.ts";
import type { MapInsights } from "../account/map-insights.ts";
import type { MapProgress } from "../account/map-progress.ts";
import type { Chunk } from "../input/chunk.ts";
import type { CarriedMap, JobOptions, RunFacts } from "./transport.ts";
import type { MapEnd, Sink } from "./outcomes/sink.ts";
import { readOutcomes } from "./outcomes/read-outcomes.ts";
import type { ReadContext } from "./outcomes/read-outcomes.ts";

/** Whether the map itself has ended, or only this process's interest in it. */
type AttachedEnd = "over" | "left";

export class AttachedRun implements CarriedMap {
  readonly id: string;
  /** Unused: the jobs were made by the process that began the map. */
  readonly task = "";
  readonly patienceMs = 0;
  readonly job: JobOptions = {};
  readonly #sink: Sink;
  readonly #context: ReadContext;
  readonly #onEnd: (how: AttachedEnd, end: MapEnd) => void;
  /** Indices of the settled items. */
  readonly #settled = new Set<number>();
  #total: number | undefined;
  #ended = false;
  readonly #account = new MapAccount();

  constructor(id: string, sink: Sink, context: ReadContext, onEnd: (how: AttachedEnd, end: MapEnd) => void) {
    this.id = id;
    this.#sink = sink;
    this.#context = context;
    this.#onEnd = onEnd;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get progress(): MapProgress {
    const running = Math.max(0, (this.#total ?? 0) - this.#account.done);
    return this.#account.progress({ total: this.#total, running, ended: this.#ended });
  }

  get insights(): MapInsights {
    return this.#account.insights();
  }

  /** Gives the start of each gap between settled items, which is the first item of a chunk. */
  get underWay(): number[] {
    const starts: number[] = [];
    for (let index = 0; index < (this.#total ?? 0); index++) {
      if (!this.#settled.has(index) && (index === 0 || this.#settled.has(index - 1))) starts.push(index);
    }
    return starts;
  }

  /** Always empty: only the process that began the map has the arguments. */
  chunks(): Chunk[] {
    return [];
  }

  take(at: number, text: OutcomeText, { ms, transitMs, by }: RunFacts, bytes?: Buffer): void {
    if (this.#ended || this.#settled.has(at)) return;
    const outcomes = readOutcomes({ at, n: undefined }, text, { ...this.#context, bytes });
    this.#account.came({ at, n: outcomes.length, ms, ageMs: undefined, transitMs, by });
    for (const [offset, settled] of outcomes.entries()) {
      this.#settled.add(at + offset);
      if (settled.ok) {
        this.#account.succeeded(1);
        this.#sink.succeeded(at + offset, settled.value);
      } else {
        this.#account.failed();
        this.#sink.failed(at + offset, settled.error);
      }
    }
    this.#endIfSettled();
  }

  /** Does nothing: a map that other processes read is not cut. */
  cut(): void {}

  taskProgress(): void {}

  taskLog(): void {}

  sealed(total: number): void {
    this.#total = total;
    this.#endIfSettled();
  }

  /** Ends the reading here; the map stays as it is for other processes. */
  fail(error: unknown): void {
    this.#end({ error, items: this.#total ?? this.#settled.size }, "left");
  }

  /** Ends the map for all processes. */
  cancel(error: unknown): void {
    this.#end({ error, items: this.#total ?? this.#settled.size }, "over");
  }

  #endIfSettled(): void {
    if (this.#total !== undefined && this.#settled.size >= this.#total)
      this.#end({ total: this.#total }, "over");
  }

  #end(end: MapEnd, how: AttachedEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#account.end();
    this.#onEnd(how, end);
    this.#sink.ended(end);
  }
}
