/**
 * Reads the logs of a queue's machines while they write them: what tasks print and log, and what machines say of
 * themselves. Machines send their lines only while somebody reads, and at first the last few hundred.
 *
 *   machine ──its log's last lines──▶ logs (a short stream) ──▶ LogReader
 *       ▲                                                          │
 *       └────────── listen (a key that expires), control ◀─────────┘
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import type { LineBatch } from "@poolmq/shared/internal";
import { MachineLines, Machines, parseObject, WATCH_TTL_MS } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import { ShardAnswers } from "./shard-answers.ts";

/** How long the first read waits for machines, in ms. They answer at once. */
const FIRST_LOOK_MS = 1_000;
const POLL_MS = 50;

/** A line of a machine's log. */
export interface MachineLine {
  readonly worker: string;
  readonly host: string;
  /** When it was written, in ms since 1970 by the machine's clock. */
  readonly atMs: number;
  /** As the machine wrote it: pino's fields, and those of poolmq (`mapId`, `index`, `task`, `childPid`, `from`). */
  readonly record: Readonly<Record<string, unknown>>;
}

/** A gap: lines that came too fast to be kept until they were read. */
export interface LeftOut {
  readonly worker: string;
  readonly host: string;
  readonly leftOut: number;
}

/** Where a queue is, or one of its shards. */
export interface LogPlace {
  readonly redis: Redis | Cluster;
  readonly keys: QueueKeys;
}

export class LogReader {
  readonly #places: readonly LogPlace[];
  readonly #answers = new ShardAnswers<LogPlace>();
  readonly #streams = new Map<LogPlace, LogStream>();
  /** By machine: number of the line that comes next. */
  readonly #next = new Map<string, number>();

  /**
   * The connections stay the caller's.
   *
   * @param places - one for each shard of the queue; more may come. Machines tell each of them the same lines.
   */
  constructor(places: readonly LogPlace[]) {
    this.#places = places;
  }

  /** Gives the lines that are new since the last call. To be called several times a second. */
  async read(): Promise<(MachineLine | LeftOut)[]> {
    await this.#ask(async (place) => await this.#streamOf(place).read());
    const batches = this.#places.flatMap((place) => this.#streamOf(place).takeNews());
    // The same lines come from all places: those that one of them has left out may be in another.
    if (this.#places.length > 1) batches.sort((a, b) => a.no - b.no);
    return batches.flatMap(({ worker, host, no, lines }) => {
      const next = this.#next.get(worker) ?? no;
      // Skip lines that are known: a machine sends the lines that it kept again when somebody else begins to listen.
      const news = lines.slice(Math.max(0, next - no));
      this.#next.set(worker, Math.max(next, no + lines.length));
      const found = news.map((line): MachineLine | LeftOut => readLine(line, worker, host));
      return no > next ? [{ worker, host, leftOut: no - next }, ...found] : found;
    });
  }

  /** Gives the lines that all living machines have kept, by their time. */
  async readKept(): Promise<(MachineLine | LeftOut)[]> {
    const deadline = performance.now() + FIRST_LOOK_MS;
    const living = await this.#ask(async ({ redis, keys }) => await new Machines(redis, keys).live());
    const found = await this.read();
    while (performance.now() < deadline && !living.flat().every(({ id }) => this.#next.has(id))) {
      await delay(POLL_MS);
      found.push(...(await this.read()));
    }
    return found.toSorted((a, b) => timeOf(a) - timeOf(b));
  }

  #streamOf(place: LogPlace): LogStream {
    const stream = this.#streams.get(place) ?? new LogStream(place);
    this.#streams.set(place, stream);
    return stream;
  }

  /** Asks all places, and gives what those say that answer. */
  async #ask<V>(question: (place: LogPlace) => Promise<V>): Promise<V[]> {
    const [only] = this.#places;
    if (only !== undefined && this.#places.length === 1) return [await question(only)];
    const answers = await this.#answers.ask(this.#places, question);
    return answers.filter((answer) => answer !== undefined);
  }
}

/** The lines that machines tell in one place. */
class LogStream {
  readonly #lines: MachineLines;
  #listenedAt = -Infinity;
  /** Id of the last entry that was read. */
  #last = "";
  #news: LineBatch[] = [];

  constructor({ redis, keys }: LogPlace) {
    this.#lines = new MachineLines(redis, keys);
  }

  async read(): Promise<void> {
    const lapsed = performance.now() - this.#listenedAt > WATCH_TTL_MS;
    this.#listenedAt = performance.now();
    await this.#lines.listen(lapsed);
    const { batches, last } = await this.#lines.read(this.#last);
    this.#last = last;
    this.#news.push(...batches);
  }

  /** What was read, also if it came too late for the one who had asked. */
  takeNews(): LineBatch[] {
    const news = this.#news;
    this.#news = [];
    return news;
  }
}

function timeOf(line: MachineLine | LeftOut): number {
  return "atMs" in line ? line.atMs : 0;
}

/** A line that is not JSON was not written by pino, and is shown as it is. */
function readLine(line: string, worker: string, host: string): MachineLine {
  const record = parseObject<Record<string, unknown>>(line) ?? { msg: line };
  return { worker, host, atMs: Number(record["time"] ?? 0), record };
}

/** The lines that are wanted. An absent field matches everything. */
export interface LineFilter {
  readonly mapId?: string;
  readonly index?: number;
  readonly task?: string;
  readonly worker?: string;
}

/** Whether a line is wanted: it names the item that printed it, or an item that it is about. */
export function isWanted({ worker, record }: MachineLine, wanted: LineFilter): boolean {
  if (wanted.worker !== undefined && wanted.worker !== worker) return false;
  const { mapId, index, task } = wanted;
  if (mapId === undefined && index === undefined && task === undefined) return true;
  const items = Array.isArray(record["items"]) ? (record["items"] as unknown[]) : [];
  return [record, ...items].some((item) => {
    const named = Object(item) as Readonly<Record<string, unknown>>;
    return (
      (mapId === undefined || named["mapId"] === mapId) &&
      (index === undefined || named["index"] === index) &&
      (task === undefined || named["task"] === task)
    );
  });
}
