/**
 * Sends what running tasks report of their progress, print and log to the producers. It goes to Redis in batches, and an
 * item's reports go before its outcome, because commands of one connection keep their order.
 */

import { setTimeout } from "node:timers";

import type { LogBatch, LogLine, Payload } from "@poolmq/shared/internal";
import type { GatherScripts, LargestValue } from "@poolmq/shared/redis";

import type { ThrottledLog } from "../../log/throttled-log.ts";
import type { JobSeals } from "./job-seals.ts";

/** How often to send, in ms: often enough for a person to watch. A task that reports in a loop must not flood Redis. */
const INTERVAL_MS = 100;

/** Lines of an item that are kept while Redis does not answer. Further ones are only counted. */
const MAX_LINES = 1_000;

/** Lines of more bytes than this, or than half of what Redis takes, go in several entries. */
const MAX_BATCH_BYTES = 256 * 1024;

/** What one item has reported since it was last sent. */
interface Words {
  readonly mapId: string;
  readonly index: number;
  /** Its latest progress. */
  progress?: Payload;
  /** Lines, as JSON. */
  lines: string[];
  /** Number of lines that were not kept. */
  dropped: number;
  by?: Omit<LogBatch, "lines">;
}

export class TaskReports {
  readonly #scripts: GatherScripts;
  readonly #seals: JobSeals;
  readonly #log: Pick<ThrottledLog, "warn">;
  readonly #maxBytes: number;
  /** By map and index. */
  readonly #words = new Map<string, Map<number, Words>>();
  #timer: NodeJS.Timeout | undefined;
  /** Number of replies that Redis has not sent yet. Until it is 0, the timer sends nothing more. */
  #owed = 0;

  /** @param largest - what Redis takes in one piece. It would close the connection on more, each time that it is sent again */
  constructor(
    scripts: GatherScripts,
    seals: JobSeals,
    log: Pick<ThrottledLog, "warn">,
    largest: LargestValue | undefined,
  ) {
    this.#scripts = scripts;
    this.#seals = seals;
    this.#log = log;
    this.#maxBytes = largest?.bytes ?? Infinity;
  }

  progress(mapId: string, index: number, payload: Payload): void {
    this.#wordsOf(mapId, index).progress = payload;
  }

  /** @param line - a `LogLine` as JSON */
  log(mapId: string, index: number, by: Omit<LogBatch, "lines">, line: string): void {
    let words = this.#wordsOf(mapId, index);
    if (words.by !== undefined && (words.by.pid !== by.pid || words.by.attempt !== by.attempt)) {
      // Another attempt has begun: first send the lines of the one before.
      this.flush(mapId, index, 1);
      words = this.#wordsOf(mapId, index);
    }
    words.by = by;
    if (words.lines.length < MAX_LINES) words.lines.push(line);
    else words.dropped++;
  }

  /**
   * Reports how many items, from the first on, a job keeps after it was cut. It is sent at once, because its producer
   * waits to enqueue the rest.
   */
  cut(mapId: string, at: number, items: number): void {
    this.#await(this.#scripts.cut(mapId, at, this.#seals.cut(mapId, at, items)));
  }

  /** Sends what these items have reported, before their outcome is published. */
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
    if (words === undefined) ofMap.set(index, (words = { mapId, index, lines: [], dropped: 0 }));
    this.#timer ??= setTimeout(() => this.#sendAll(), INTERVAL_MS);
    return words;
  }

  #sendAll(): void {
    this.#timer = this.#owed === 0 ? undefined : setTimeout(() => this.#sendAll(), INTERVAL_MS);
    if (this.#timer !== undefined) return;
    for (const ofMap of this.#words.values()) for (const words of ofMap.values()) this.#send(words);
    this.#words.clear();
  }

  /** A report that Redis refuses is lost: it is not a result. */
  #send({ mapId, index, progress, lines, dropped, by }: Words): void {
    if (progress !== undefined) {
      const payload = this.#seals.progress(mapId, index, progress);
      const bytes = Buffer.byteLength(payload);
      if (bytes <= this.#maxBytes) this.#await(this.#scripts.progress(mapId, index, payload));
      else
        this.#log.warn("progress", () => ({ mapId, index, bytes }), "progress report is too large for Redis");
    }
    if (by === undefined) return;
    const most = Math.min(MAX_BATCH_BYTES, this.#maxBytes / 2);
    let told: LogLine[] = [];
    let bytes = 0;
    const send = (): void => {
      const batch: LogBatch = { ...by, lines: told };
      this.#await(this.#scripts.log(mapId, index, this.#seals.log(mapId, index, JSON.stringify(batch))));
    };
    for (const line of lines) {
      const size = Buffer.byteLength(line);
      if (bytes + size > most && told.length > 0) {
        send();
        [told, bytes] = [[], 0];
      }
      told.push(JSON.parse(line) as LogLine);
      bytes += size;
    }
    if (dropped > 0) told.push(["dropped", dropped]);
    send();
  }

  #await(sent: Promise<void>): void {
    this.#owed++;
    const answered = (): void => void this.#owed--;
    sent.then(answered, answered);
  }
}
