/** Reads the outcome streams of all of a producer's maps on one blocking connection. */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { decode, isForeignKey } from "@poolmq/shared/internal";
import type { OutcomeText, QueueKeys } from "@poolmq/shared/internal";

/** One entry of a map's stream, read. */
export type Entry =
  | { readonly at: number; readonly ms: number; readonly text: OutcomeText }
  | { readonly progressOf: number; readonly value: unknown }
  /** The input of a durable map has ended: it has so many items. */
  | { readonly total: number }
  /** Somebody else ends the map, and says why. */
  | { readonly cancelled: string };

/** One map whose stream is read. */
export interface Reading {
  readonly mapId: string;
  /** Id of the last entry read. */
  cursor: string;
  /** Entries came in, oldest first. Must not throw. */
  onEntries(entries: readonly Entry[]): void;
  /** Something else has taken the stream's key: there is nothing more to read. */
  onForeign(): void;
}

/** How long one blocking read lasts, in ms. It is woken when there is a new map to read. */
const BLOCK_MS = 5_000;

/** Entries that are read at once. */
const READ_COUNT = 500;

type RawEntry = readonly [id: string, fields: string[]];

export class OutcomeReader {
  readonly #commands: Redis | Cluster;
  readonly #blocking: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #warn: (facts: Readonly<Record<string, unknown>>, message: string) => void;
  readonly #readings = new Set<Reading>();
  readonly #wakeKey: string;
  #wakeCursor = "0-0";
  #loop: Promise<void> | undefined;
  #closed = false;

  constructor(
    commands: Redis | Cluster,
    blocking: Redis | Cluster,
    keys: QueueKeys,
    warn: (facts: Readonly<Record<string, unknown>>, message: string) => void,
  ) {
    this.#commands = commands;
    this.#blocking = blocking;
    this.#keys = keys;
    this.#warn = warn;
    this.#wakeKey = keys.wake(randomBytes(9).toString("hex"));
  }

  add(reading: Reading): void {
    this.#readings.add(reading);
    if (this.#loop === undefined) this.#loop = this.#read();
    else this.#wake();
  }

  remove(reading: Reading): void {
    this.#readings.delete(reading);
  }

  /** Reads all that a stream holds now, from the reading's cursor on. */
  async replay(reading: Reading): Promise<void> {
    for (;;) {
      const entries = await this.#commands.xrange(
        this.#keys.out(reading.mapId),
        `(${reading.cursor}`,
        "+",
        "COUNT",
        READ_COUNT,
      );
      if (entries.length === 0) return;
      this.#take(reading, entries);
    }
  }

  /** Stops reading: closes the blocking connection under the read. */
  async close(disconnect: () => void): Promise<void> {
    this.#closed = true;
    disconnect();
    await this.#loop;
    await this.#commands.unlink(this.#wakeKey).catch(() => {}); // it has a TTL too
  }

  #wake(): void {
    const pipeline = this.#commands.pipeline();
    pipeline.xadd(this.#wakeKey, "MAXLEN", 1, "*", "w", "1");
    pipeline.pexpire(this.#wakeKey, 2 * BLOCK_MS);
    pipeline.exec().catch(() => {}); // the read ends by itself, a little later
  }

  /** Reads while there are maps; an idle producer asks Redis nothing. */
  async #read(): Promise<void> {
    while (!this.#closed && this.#readings.size > 0) {
      try {
        await this.#readOnce();
      } catch (error) {
        if (this.#closed) break;
        // One such key would keep the outcomes of all other maps from being read.
        if (isForeignKey(error) && (await this.#giveUpForeign())) continue;
        this.#warn({ err: error }, "reading outcomes failed, trying again");
        await delay(100);
      }
    }
    this.#loop = undefined;
  }

  /** Gives up maps whose stream is none; tells whether there were any. */
  async #giveUpForeign(): Promise<boolean> {
    let found = false;
    for (const reading of this.#readings) {
      const type = await this.#commands.type(this.#keys.out(reading.mapId)).catch(() => "none");
      if (type === "stream" || type === "none") continue;
      found = true;
      this.#readings.delete(reading);
      reading.onForeign();
    }
    return found;
  }

  async #readOnce(): Promise<void> {
    const readings = [...this.#readings];
    const keys = [this.#wakeKey, ...readings.map(({ mapId }) => this.#keys.out(mapId))];
    // A cursor for the wake stream too: a wake that comes between two reads ends the next one at once.
    const cursors = [this.#wakeCursor, ...readings.map(({ cursor }) => cursor)];
    const reply = await this.#blocking.xread(
      "COUNT",
      READ_COUNT,
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      ...keys,
      ...cursors,
    );
    for (const [key, entries] of reply ?? []) {
      const reading = readings[keys.indexOf(key) - 1];
      if (reading === undefined) this.#wakeCursor = entries.at(-1)?.[0] ?? this.#wakeCursor;
      else if (this.#readings.has(reading)) this.#take(reading, entries);
    }
  }

  #take(reading: Reading, raw: readonly RawEntry[]): void {
    reading.cursor = raw.at(-1)?.[0] ?? reading.cursor;
    reading.onEntries(raw.flatMap(([, fields]) => readEntry(fields) ?? []));
  }
}

/** Entries of any other shape are not ours: anyone who can write to Redis can add to a stream. */
function readEntry(fields: readonly string[]): Entry | undefined {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(fields[i] ?? "", fields[i + 1] ?? "");
  const [i, text, p, v] = ["i", "o", "p", "v"].map((name) => values.get(name));
  if (text !== undefined && isIndex(i)) {
    return { at: Number(i), ms: Number(values.get("ms") ?? 0) || 0, text };
  }
  const total = values.get("total");
  if (isIndex(total)) return { total: Number(total) };
  const cancelled = values.get("cancel");
  if (cancelled !== undefined) return { cancelled };
  if (v === undefined || !isIndex(p)) return undefined;
  try {
    return { progressOf: Number(p), value: decode(v) };
  } catch {
    return undefined;
  }
}

function isIndex(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}
