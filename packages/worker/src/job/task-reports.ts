/**
 * What running tasks say of their progress, and what they print and log, on its way to the producers. It goes to Redis in
 * batches, and what an item said goes there before its outcome: commands of one connection keep their order.
 */

import type { GatherScripts, LogBatch, LogLine, Payload } from "@poolmq/shared/internal";

import type { JobSeals } from "./job-seals.ts";

/** Often enough for a person to watch; a task that reports in a loop must not flood Redis. */
const INTERVAL_MS = 100;

/** What one item has said. */
interface Words {
  readonly mapId: string;
  readonly index: number;
  /** The latest word of its progress counts. */
  progress?: Payload;
  /** Lines, as JSON. */
  lines: string[];
  by?: Omit<LogBatch, "lines">;
}

export class TaskReports {
  readonly #scripts: GatherScripts;
  readonly #seals: JobSeals;
  /** By map and index. */
  readonly #words = new Map<string, Map<number, Words>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(scripts: GatherScripts, seals: JobSeals) {
    this.#scripts = scripts;
    this.#seals = seals;
  }

  progress(mapId: string, index: number, payload: Payload): void {
    this.#wordsOf(mapId, index).progress = payload;
  }

  /** @param line - a `LogLine` as JSON */
  log(mapId: string, index: number, by: Omit<LogBatch, "lines">, line: string): void {
    let words = this.#wordsOf(mapId, index);
    if (words.by !== undefined && (words.by.pid !== by.pid || words.by.attempt !== by.attempt)) {
      // Another attempt has begun already.
      this.flush(mapId, index, 1);
      words = this.#wordsOf(mapId, index);
    }
    words.by = by;
    words.lines.push(line);
  }

  /** Sends on what these items have said: their outcome comes next. */
  flush(mapId: string, at: number, n: number): void {
    const ofMap = this.#words.get(mapId);
    if (ofMap === undefined) return;
    for (const index of n < ofMap.size ? Array.from({ length: n }, (_, i) => at + i) : [...ofMap.keys()]) {
      const words = index < at || index >= at + n ? undefined : ofMap.get(index);
      if (words === undefined) continue;
      ofMap.delete(index);
      this.#send(words);
    }
  }

  #wordsOf(mapId: string, index: number): Words {
    let ofMap = this.#words.get(mapId);
    if (ofMap === undefined) this.#words.set(mapId, (ofMap = new Map<number, Words>()));
    let words = ofMap.get(index);
    if (words === undefined) ofMap.set(index, (words = { mapId, index, lines: [] }));
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#sendAll(), INTERVAL_MS);
    return words;
  }

  #sendAll(): void {
    this.#timer = undefined;
    for (const ofMap of this.#words.values()) for (const words of ofMap.values()) this.#send(words);
    this.#words.clear();
  }

  /** What is refused is lost: it is no result. */
  #send({ mapId, index, progress, lines, by }: Words): void {
    if (progress !== undefined) {
      const payload = this.#seals.progress(mapId, index, progress);
      this.#scripts.progress(mapId, index, payload).catch(() => {});
    }
    if (by === undefined) return;
    const batch: LogBatch = { ...by, lines: lines.map((line) => JSON.parse(line) as LogLine) };
    this.#scripts.log(mapId, index, this.#seals.log(mapId, index, JSON.stringify(batch))).catch(() => {});
  }
}
