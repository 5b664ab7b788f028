/** Reads the outcome streams of all of a producer's maps on one blocking connection. */

import { clearTimeout, setTimeout } from "node:timers";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { classifyRefusal, isWrongType } from "@poolmq/shared/internal";
import { readBounded, readOnce } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import { ReadCounts } from "./read-counts.ts";
import { ClockShift } from "./clock-shift.ts";
import { readEntries } from "./read-entry.ts";
import { WakeStream } from "./wake-stream.ts";
import type { Entry } from "./read-entry.ts";
import type { Seals } from "../signing/seals.ts";

/** One map whose stream is read. */
export interface Reading {
  readonly mapId: string;
  /** Id of the last entry read. */
  cursor: string;
  /** How long new entries may wait until they are read, in ms. */
  readonly patienceMs: number;
  /** Called with new entries, oldest first. Must not throw. */
  onEntries(entries: readonly Entry[]): void;
  /** Called if the key is not a stream, because somebody else wrote there. Nothing more is read. */
  onForeign(): void;
  /** Called if Redis does not allow this login to read, which does not pass. */
  onRefused(error: unknown): void;
}

/** How long one blocking read lasts, in ms. A new map ends it early. */
const BLOCK_MS = 5_000;

/** As buffers, because the bytes of large values are not text. */
type RawEntry = readonly [id: Buffer, fields: Buffer[]];

export class OutcomeReader {
  readonly #commands: Redis | Cluster;
  readonly #blocking: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #seals: Seals;
  readonly #warn: (facts: Readonly<Record<string, unknown>>, message: string) => void;
  readonly #readings = new Set<Reading>();
  readonly #wake: WakeStream;
  readonly #shift = new ClockShift();
  /** How many entries to ask for, if there is one stream. */
  readonly #counts = new ReadCounts();
  #loop: Promise<void> | undefined;
  /** Ends the pause between two reads. Set while there is one. */
  #endPause: (() => void) | undefined;
  #closed = false;

  constructor(
    commands: Redis | Cluster,
    blocking: Redis | Cluster,
    { keys, seals }: { readonly keys: QueueKeys; readonly seals: Seals },
    warn: (facts: Readonly<Record<string, unknown>>, message: string) => void,
  ) {
    this.#commands = commands;
    this.#blocking = blocking;
    this.#keys = keys;
    this.#seals = seals;
    this.#warn = warn;
    this.#wake = new WakeStream(commands, keys, 2 * BLOCK_MS);
  }

  add(reading: Reading): void {
    this.#readings.add(reading);
    if (this.#loop === undefined) this.#loop = this.#read();
    else if (this.#endPause === undefined) this.#wake.wakeSoon();
    else this.#endPause();
  }

  remove(reading: Reading): void {
    this.#readings.delete(reading);
  }

  /** Reads everything that a stream holds now, from the reading's cursor on. */
  async replay(reading: Reading): Promise<void> {
    const key = this.#keys.out(reading.mapId);
    for (;;) {
      if (this.#counts.isTight(1, performance.now())) {
        await this.#readAllBounded(this.#commands, [reading], () => true);
        return;
      }
      const args = [key, `(${reading.cursor}`, "+", "COUNT", this.#counts.next(1)];
      const read = await readOnce(this.#commands, "xrange", args, key);
      if (read === undefined) {
        this.#onCut();
        continue;
      }
      const entries = read.reply as RawEntry[];
      if (entries.length === 0) return;
      this.#take(reading, entries);
    }
  }

  /** Stops reading by closing the blocking connection. */
  async close(disconnect: () => void): Promise<void> {
    this.#closed = true;
    this.#endPause?.();
    this.#wake.close();
    disconnect();
    await this.#loop;
    await this.#wake.remove();
  }

  /** Reads while there are maps; an idle producer asks Redis nothing. */
  async #read(): Promise<void> {
    // Let the jobs that the map enqueues in this turn be sent before the first blocking read, so that they run sooner.
    await nextTurn();
    while (!this.#closed && this.#readings.size > 0) {
      try {
        await this.#pause();
        await this.#readOnce();
      } catch (error) {
        if (this.#closed) break;
        // A single such key would keep the outcomes of all other maps from being read.
        if (isWrongType(error) && (await this.#giveUpForeign())) continue;
        const { reason } = classifyRefusal(error);
        if (reason === "permission" || reason === "auth") {
          for (const reading of this.#readings) reading.onRefused(error);
          this.#readings.clear();
          continue;
        }
        this.#warn({ err: error }, "reading outcomes failed, trying again");
        await delay(100);
      }
    }
    this.#loop = undefined;
  }

  /** Lets outcomes gather, if all maps can wait for them. Ends when a map is added. */
  async #pause(): Promise<void> {
    let ms = Infinity;
    for (const { patienceMs } of this.#readings) ms = Math.min(ms, patienceMs);
    if (ms === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
    this.#endPause = undefined;
  }

  /** Fails the maps whose key is not a stream; says whether there were any. */
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
    let readings = [...this.#readings];
    if (this.#counts.isTight(readings.length, performance.now())) {
      await this.#readAllBounded(this.#blocking, readings, (reading) => this.#readings.has(reading));
      // Read all streams once more, so that the next read has little to bring.
      readings = [...this.#readings];
    }
    const keys = [this.#wake.key, ...readings.map(({ mapId }) => this.#keys.out(mapId))];
    const cursors = [this.#wake.cursor, ...readings.map(({ cursor }) => cursor)];
    const count = this.#counts.next(readings.length);
    const args = ["COUNT", count, "BLOCK", BLOCK_MS, "STREAMS", ...keys, ...cursors];
    const read = await readOnce(this.#blocking, "xread", args, this.#wake.key, this.#counts.isLarge);
    if (read === undefined) return this.#onCut();
    const reply = read.reply as [key: Buffer, entries: RawEntry[]][] | null;
    if (reply === null) return;
    const places = new Map(keys.map((key, place) => [key, place]));
    for (const [key, entries] of reply) {
      const reading = readings[(places.get(String(key)) ?? 0) - 1];
      if (reading === undefined) this.#wake.cursor = String(entries.at(-1)?.[0] ?? this.#wake.cursor);
      else if (this.#readings.has(reading)) this.#take(reading, entries);
    }
  }

  /** Reads everything that streams hold now, in replies that the server allows. */
  async #readAllBounded(
    redis: Redis | Cluster,
    readings: readonly Reading[],
    isWanted: (reading: Reading) => boolean,
  ): Promise<void> {
    for (let left = readings; left.length > 0; left = left.filter(isWanted)) {
      const streams = left.map(({ mapId, cursor }) => [this.#keys.out(mapId), cursor] as const);
      const found = await readBounded(redis, streams, this.#counts.bytes);
      if (found === undefined) {
        this.#onCut();
        continue;
      }
      for (const [place, entries] of found) {
        const reading = left[place];
        if (reading !== undefined && isWanted(reading))
          this.#take(
            reading,
            entries.map(({ id, fields }) => [id, fields]),
          );
      }
      if (found.size === 0) break;
      // Each stream is first in turn, so that none waits until another is empty.
      const next = Math.max(...found.keys()) + 1;
      left = [...left.slice(next), ...left.slice(0, next)];
    }
    this.#counts.caughtUp();
  }

  /** The connection was closed in a read, perhaps because the read asked for too much. */
  #onCut(): void {
    this.#counts.cut(performance.now());
    this.#warn({ bytes: this.#counts.bytes }, "connection closed in a read, asking for less at a time");
  }

  #take(reading: Reading, raw: readonly RawEntry[]): void {
    reading.cursor = String(raw.at(-1)?.[0] ?? reading.cursor);
    this.#counts.saw(raw.map(([, fields]) => fields.reduce((sum, field) => sum + field.length, 0)));
    const now = Date.now();
    const entries = raw.flatMap(([id, fields]) =>
      readEntries(fields, this.#shift.transitMs(String(id), now), reading.mapId, this.#seals),
    );
    reading.onEntries(entries);
  }
}
