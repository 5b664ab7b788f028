/** Reads the outcome streams of all of a producer's maps on one blocking connection. */

import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { decode, isForeignKey } from "@poolmq/shared/internal";
import type { OutcomeText, QueueKeys } from "@poolmq/shared/internal";

import { ReadCounts } from "./read-counts.ts";
import { ClockShift } from "./clock-shift.ts";
import type { RunFacts } from "../map/transport.ts";
import type { Seals } from "./seals.ts";

/** What became of a chunk, not checked yet. */
export interface OutcomeEntry extends RunFacts {
  readonly at: number;
  readonly text: OutcomeText;
  /** That the text names. */
  readonly bytes: Buffer | undefined;
}

/** One entry of a map's stream, read. */
export type Entry =
  | OutcomeEntry
  | { readonly progressOf: number; readonly value: unknown }
  /** What an item printed and logged: a `LogBatch` as JSON. */
  | { readonly logOf: number; readonly batch: string }
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

/** Not as text: some of it is none. */
type RawEntry = readonly [id: Buffer, fields: Buffer[]];

export class OutcomeReader {
  readonly #commands: Redis | Cluster;
  readonly #blocking: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #seals: Seals;
  readonly #warn: (facts: Readonly<Record<string, unknown>>, message: string) => void;
  readonly #readings = new Set<Reading>();
  readonly #wakeKey: string;
  readonly #shift = new ClockShift();
  #wakeCursor = "0-0";
  /** How many entries to ask for, if there is one stream. */
  readonly #counts = new ReadCounts();
  #loop: Promise<void> | undefined;
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
      const entries = await this.#commands.xrangeBuffer(
        this.#keys.out(reading.mapId),
        `(${reading.cursor}`,
        "+",
        "COUNT",
        this.#counts.next(1),
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
    // What the map enqueues now goes before it: the sooner it is there, the sooner there is something to read.
    await nextTurn();
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
    const reply = (await this.#blocking.xreadBuffer(
      "COUNT",
      this.#counts.next(readings.length),
      "BLOCK",
      BLOCK_MS,
      "STREAMS",
      ...keys,
      ...cursors,
    )) as [key: Buffer, entries: RawEntry[]][] | null;
    for (const [key, entries] of reply ?? []) {
      const reading = readings[keys.indexOf(String(key)) - 1];
      if (reading === undefined) this.#wakeCursor = String(entries.at(-1)?.[0] ?? this.#wakeCursor);
      else if (this.#readings.has(reading)) this.#take(reading, entries);
    }
  }

  #take(reading: Reading, raw: readonly RawEntry[]): void {
    reading.cursor = String(raw.at(-1)?.[0] ?? reading.cursor);
    this.#counts.saw(raw.map(([, fields]) => fields.reduce((sum, field) => sum + field.length, 0)));
    const now = Date.now();
    const read = ([id, fields]: RawEntry): Entry | undefined =>
      readEntry(fields, this.#shift.transitMs(String(id), now), reading.mapId, this.#seals);
    reading.onEntries(raw.flatMap((entry) => read(entry) ?? []));
  }
}

const [I, R, O, B] = [0x69, 0x72, 0x6f, 0x62];

/** Nearly all entries are outcomes: `i`, `ran` and `o`, in this order, and `b` if they have bytes. */
function readOutcome(
  [i, index, r, ran, o, text, b, bytes]: readonly Buffer[],
  transitMs: number,
): OutcomeEntry | undefined {
  if (i?.[0] !== I || r?.[0] !== R || o?.[0] !== O || i.length !== 1 || o.length !== 1) return undefined;
  const at = String(index);
  if (!isIndex(at)) return undefined;
  const how = String(ran);
  const space = how.indexOf(" ");
  return {
    at: Number(at),
    ms: Number.parseFloat(how) || 0,
    text: String(text),
    bytes: b?.[0] === B ? bytes : undefined,
    transitMs,
    by: space === -1 ? undefined : how.slice(space + 1),
  };
}

/** Entries of any other shape are not ours: anyone who can write to Redis can add to a stream. */
function readEntry(
  fields: readonly Buffer[],
  transitMs: number,
  mapId: string,
  seals: Seals,
): Entry | undefined {
  const outcome = readOutcome(fields, transitMs);
  if (outcome !== undefined) return outcome;
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(String(fields[i]), String(fields[i + 1]));
  const [p, v] = ["p", "v"].map((name) => values.get(name));
  const total = values.get("total");
  if (isIndex(total)) {
    return seals.isTotal(mapId, Number(total), values.get("sig")) ? { total: Number(total) } : undefined;
  }
  const l = values.get("l");
  if (v !== undefined && isIndex(l)) {
    const batch = seals.log(mapId, Number(l), v);
    return batch === undefined ? undefined : { logOf: Number(l), batch };
  }
  const cancel = values.get("cancel");
  if (cancel !== undefined) {
    const cancelled = seals.cancel(mapId, cancel);
    return cancelled === undefined ? undefined : { cancelled };
  }
  if (v === undefined || !isIndex(p)) return undefined;
  const payload = seals.progress(mapId, Number(p), v);
  if (payload === undefined) return undefined;
  try {
    return { progressOf: Number(p), value: decode(payload) };
  } catch {
    return undefined;
  }
}

function isIndex(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}
