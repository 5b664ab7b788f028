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

import { MachineLines, Machines, parseObject, queueKeys, WATCH_TTL_MS } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

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

export class LogReader {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #lines: MachineLines;
  #listenedAt = -Infinity;
  /** Id of the last entry that was read. */
  #last = "";
  /** By machine: number of the line that comes next. */
  readonly #next = new Map<string, number>();

  /** The connection stays the caller's. */
  constructor(
    redis: Redis | Cluster,
    { queue, prefix }: { readonly queue: string; readonly prefix?: string | undefined },
  ) {
    this.#redis = redis;
    this.#keys = queueKeys(queue, prefix);
    this.#lines = new MachineLines(redis, this.#keys);
  }

  /** Gives the lines that are new since the last call. To be called several times a second. */
  async read(): Promise<(MachineLine | LeftOut)[]> {
    const lapsed = performance.now() - this.#listenedAt > WATCH_TTL_MS;
    this.#listenedAt = performance.now();
    await this.#lines.listen(lapsed);
    const { batches, last } = await this.#lines.read(this.#last);
    this.#last = last;
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
    const living = await new Machines(this.#redis, this.#keys).live();
    const found = await this.read();
    while (performance.now() < deadline && !living.every(({ id }) => this.#next.has(id))) {
      await delay(POLL_MS);
      found.push(...(await this.read()));
    }
    return found.toSorted((a, b) => timeOf(a) - timeOf(b));
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
