/** What the gather keeps of a map while it gathers its outcomes. */

import { CancelledError, DecodeError } from "@poolmq/shared";
import { refusedError } from "@poolmq/shared/internal";
import type { OutcomeText } from "@poolmq/shared/internal";

import type { Chunk } from "../../input/chunk.ts";
import type { Meter } from "../../map/meter.ts";
import type { CarriedMap } from "../../map/transport.ts";
import { DonePages } from "./done-pages.ts";
import type { Gathered, MapKind, Suspects } from "./map-kind.ts";
import { Patience } from "./patience.ts";
import type { Entry, OutcomeEntry } from "../../outcomes/read-entry.ts";
import type { Seals } from "../../signing/seals.ts";

/** A stream is trimmed after so many entries, or bytes, were taken from it: often enough to bound Redis's memory. */
const TRIM_EVERY = 250;
const TRIM_BYTES = 4 * 1024 * 1024;

interface GatheredMapOptions {
  readonly seals: Seals;
  readonly meter: Meter;
  readonly firstPatienceMs: number;
  /** A chunk's shared values were not there. True if they will be, and it is enqueued again: its outcome does not count. */
  readonly sendAgain: (gathered: GatheredMap, chunk: Chunk) => boolean;
  /** A chunk that was started twice has its outcome. @param by - who ran it */
  readonly settled: (gathered: GatheredMap, at: number, by: string | undefined) => void;
  /** Redis refused to keep the map's keys. */
  readonly refused: (gathered: GatheredMap, error: unknown) => void;
  /** Removes what was taken from the map's stream, up to its cursor. */
  readonly trim: (gathered: GatheredMap) => void;
}

export class GatheredMap implements Gathered {
  readonly map: CarriedMap;
  readonly kind: MapKind;
  cursor = "0-0";
  /** Resolves once the last `reopen` has reached Redis. */
  opened: Promise<unknown> = Promise.resolve();
  /** When it was begun here, by the monotonic clock. */
  readonly since: number = performance.now();
  readonly patience: Patience;
  readonly donePages: DonePages = new DonePages();
  /** First indices of chunks that were started twice. */
  readonly backedUp: Set<number> = new Set();
  /** What was decided when it was last looked, and had not come in then. */
  suspects: Suspects | undefined;
  readonly #options: GatheredMapOptions;
  #openedAt = this.since;
  /** How often `reopen` waits for an answer of Redis: while it is away, these must not pile up. */
  #opening = 0;
  #lookingAfter = false;
  readonly #taken = { length: 0, entriesSinceTrim: 0, lengthAtTrim: 0 };

  constructor(map: CarriedMap, kind: MapKind, options: GatheredMapOptions) {
    this.map = map;
    this.kind = kind;
    this.#options = options;
    this.patience = new Patience(options.firstPatienceMs, this.since);
  }

  get mapId(): string {
    return this.map.id;
  }

  /** Length of the outcomes that were taken, bytes included. */
  get length(): number {
    return this.#taken.length;
  }

  /** Declares that the map is wanted, or goes on wanting it. */
  reopen(): void {
    this.#openedAt = performance.now();
    this.#opening++;
    this.opened = this.kind.open().finally(() => this.#opening--);
    // Whoever waits for it is told as well; but nobody does while all jobs are under way.
    this.opened.catch((error: unknown) => this.#options.refused(this, error));
  }

  /** What is due at this moment: to look for what Redis has lost, or to say that the map is still wanted. */
  due(now: number): "lookAfter" | "reopen" | undefined {
    if (this.#isToBeLookedAfter(now)) return "lookAfter";
    if (this.#opening > 0 || now - this.#openedAt < this.kind.beatMs) return undefined;
    return "reopen";
  }

  #isToBeLookedAfter(now: number): boolean {
    if (this.#lookingAfter) return false;
    if (this.patience.isQuiet(now)) return true;
    return this.kind.isOurs && this.patience.isBusyForLong(now);
  }

  /** Looks after the map, once at a time: while Redis is away, these must not pile up. */
  async lookAfter(step: () => Promise<void>): Promise<void> {
    this.#lookingAfter = true;
    this.patience.looks(performance.now(), this.map.underWay.length);
    try {
      await step();
    } finally {
      this.#lookingAfter = false;
    }
  }

  onEntries(entries: readonly Entry[]): void {
    let heard = false;
    for (const entry of entries) heard = this.#take(entry) || heard;
    // Only genuine entries reset the silence timer; otherwise a forger could postpone reconcile for ever.
    if (heard) this.patience.heard(performance.now());
    this.#taken.entriesSinceTrim += entries.length;
    this.#trimIfMuch();
  }

  onRefused(error: unknown): void {
    this.map.fail(refusedError(error));
  }

  onForeign(): void {
    this.map.fail(
      new DecodeError(
        `The outcomes of map "${this.map.id}" can't be read: something else has taken its keys in Redis`,
      ),
    );
  }

  /** Takes the outcome of a chunk. False if it is not genuine. */
  takeOutcome(entry: OutcomeEntry): boolean {
    const { map, kind } = this;
    const { at } = entry;
    const [chunk] = map.chunks([at]);
    // A second outcome, or one of a chunk that was given up.
    if (chunk === undefined && !kind.takesUnknown) return true;
    let text: OutcomeText | undefined;
    try {
      text = this.#options.seals.open(map, at, entry, chunk);
    } catch (error) {
      map.fail(error);
    }
    if (text === undefined) return false;
    if (chunk === undefined && kind.putBy(entry)) return true;
    if (
      chunk !== undefined &&
      kind.trims &&
      isShareGone(chunk, text) &&
      this.#options.sendAgain(this, chunk)
    ) {
      return true;
    }
    if (chunk !== undefined) this.#options.meter.came(chunk, entry.ms);
    map.take(at, text, entry, entry.bytes);
    if (this.backedUp.size > 0 && this.backedUp.delete(at)) this.#options.settled(this, at, entry.by);
    return true;
  }

  /** False if the entry is not genuine. */
  #take(entry: Entry): boolean {
    const { map } = this;
    if ("text" in entry) {
      this.#taken.length += entry.text.length + (entry.bytes?.length ?? 0);
      if (this.kind.trims) this.donePages.came(entry.at);
      return this.takeOutcome(entry);
    }
    if ("progressOf" in entry) map.taskProgress(entry.progressOf, entry.value);
    else if ("cutOf" in entry) map.cut(entry.cutOf, entry.items);
    else if ("logOf" in entry) map.taskLog(entry.logOf, entry.batch);
    else if ("total" in entry) map.sealed(entry.total);
    else if ("priority" in entry) map.job.priority = entry.priority === 0 ? undefined : entry.priority;
    else map.fail(new CancelledError({ mapId: map.id, reason: entry.cancelled }));
    return true;
  }

  #trimIfMuch(): void {
    const { length, entriesSinceTrim, lengthAtTrim } = this.#taken;
    const isMuch = entriesSinceTrim >= TRIM_EVERY || length - lengthAtTrim >= TRIM_BYTES;
    if (!isMuch || !this.kind.trims || this.map.ended) return;
    this.#taken.entriesSinceTrim = 0;
    this.#taken.lengthAtTrim = length;
    this.#options.trim(this);
  }
}

/** Whether a worker gave a chunk up because Redis did not have its shared values. */
function isShareGone({ shares }: Chunk, text: OutcomeText): boolean {
  return shares.length > 0 && text.startsWith("!") && text.includes('"SHARED_VALUE_GONE"');
}
