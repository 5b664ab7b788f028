/** What the gather keeps of a map while it gathers its outcomes. */

import { CancelledError, DecodeError } from "@poolmq/shared";
import { free, refusedError } from "@poolmq/shared/internal";
import type { OutcomeText } from "@poolmq/shared/internal";
import type { MapOpening } from "@poolmq/shared/redis";

import type { Chunk } from "../../input/chunk.ts";
import type { Meter } from "../../map/meter.ts";
import type { CarriedMap } from "../../map/transport.ts";
import { DonePages } from "./done-pages.ts";
import type { Gathered, MapKind, Suspects } from "./map-kind.ts";
import { Opening } from "./opening.ts";
import { Patience } from "./patience.ts";
import { Taken } from "./taken.ts";
import type { Entry, OutcomeEntry } from "../../outcomes/read-entry.ts";
import type { Seals } from "../../signing/seals.ts";

interface GatheredMapOptions {
  readonly seals: Seals;
  readonly meter: Meter;
  readonly firstPatienceMs: number;
  /**
   * Called if a chunk's shared values were missing. True if they are sent and the chunk is enqueued again, so that its
   * outcome does not count.
   */
  readonly sendAgain: (gathered: GatheredMap, chunk: Chunk) => boolean;
  /** Called if a chunk with a backup has its outcome. @param by - what ran it */
  readonly settled: (gathered: GatheredMap, at: number, by: string | undefined) => void;
  /** Redis refused to keep the map's keys. */
  readonly refused: (gathered: GatheredMap, error: unknown) => void;
  /** Trims the map's stream up to its cursor. */
  readonly trim: (gathered: GatheredMap) => void;
}

export class GatheredMap implements Gathered {
  readonly map: CarriedMap;
  readonly kind: MapKind;
  cursor = "0-0";
  readonly patience: Patience;
  readonly donePages: DonePages = new DonePages();
  readonly adding: Set<readonly Chunk[]> = new Set();
  /** First indices of chunks that have a backup. */
  readonly backedUp: Set<number> = new Set();
  /** Chunks that had their bit at the last look, but whose outcome had not come in. */
  suspects: Suspects | undefined;
  readonly #options: GatheredMapOptions;
  readonly #opening: Opening;
  readonly #taken = new Taken();

  constructor(map: CarriedMap, kind: MapKind, options: GatheredMapOptions) {
    this.map = map;
    this.kind = kind;
    this.#options = options;
    this.patience = new Patience(options.firstPatienceMs, this.since);
    this.#opening = new Opening(kind, this.since, (error) => options.refused(this, error));
  }

  get mapId(): string {
    return this.map.id;
  }

  get patienceMs(): number {
    return this.map.patienceMs;
  }

  get since(): number {
    return this.#taken.since;
  }

  get length(): number {
    return this.#taken.length;
  }

  get opened(): Promise<unknown> {
    return this.#opening.done;
  }

  /** Resolves once Redis has answered what declares the map; `undefined` if it has. */
  get unanswered(): Promise<unknown> | undefined {
    return this.#opening.unanswered;
  }

  /** Declares for the first time that the map is wanted: with its first jobs, if they come at once. */
  open(): void {
    this.#opening.begin();
  }

  reopen(): void {
    this.#opening.declare();
  }

  /**
   * Adds jobs once the map is open, or opens it with them.
   *
   * @param add - opens the map before it adds the jobs, if it is told how
   */
  async openWith(add: (opening: MapOpening | undefined) => Promise<void>): Promise<void> {
    await this.#opening.with(add);
  }

  /** The map ends: it is not to be declared any more. */
  close(): void {
    this.#opening.close();
  }

  /** What is due now: to look for what Redis has lost, or to declare again that the map is wanted. */
  due(now: number): "lookAfter" | "reopen" | undefined {
    if (this.#isToBeLookedAfter(now)) return "lookAfter";
    return this.#opening.isDue(now) ? "reopen" : undefined;
  }

  #isToBeLookedAfter(now: number): boolean {
    if (this.patience.isLooking) return false;
    if (this.patience.isQuiet(now)) return true;
    return this.kind.traits.isOurs && this.patience.isBusyForLong(now);
  }

  /** Looks after the map. */
  async lookAfter(step: () => Promise<void>): Promise<void> {
    this.patience.looks(performance.now(), this.map.underWay.length);
    let endedAt: number | undefined;
    try {
      await step();
      endedAt = performance.now();
    } finally {
      this.patience.looked(endedAt);
    }
  }

  onEntries(entries: readonly Entry[]): void {
    // Counted first, because the bytes of an outcome are freed once it was taken.
    const isMuch = this.#taken.count(entries);
    let heard = false;
    for (const entry of entries) heard = this.#take(entry) || heard;
    // Only genuine entries reset the silence timer; otherwise a forger could postpone reconcile for ever.
    if (heard) this.patience.heard(performance.now());
    if (!isMuch || this.kind.traits.isDurable || this.map.ended) return;
    this.#taken.trimmed();
    this.#options.trim(this);
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
    // It is a second outcome, or that of a chunk that was given up.
    if (chunk === undefined && !kind.traits.isDurable) return true;
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
      !kind.traits.isDurable &&
      isShareGone(chunk, text) &&
      this.#options.sendAgain(this, chunk)
    ) {
      return true;
    }
    if (chunk !== undefined) this.#options.meter.came(chunk, entry.ms);
    map.take(at, text, entry, entry.bytes);
    // Nobody needs the arguments of a chunk again of which all items succeeded.
    if (chunk?.bytes !== undefined && text.startsWith("=")) free(chunk.bytes);
    if (this.backedUp.size > 0 && this.backedUp.delete(at)) this.#options.settled(this, at, entry.by);
    return true;
  }

  /** False if the entry is not genuine. */
  #take(entry: Entry): boolean {
    const { map } = this;
    if ("text" in entry) {
      if (!this.kind.traits.isDurable) this.donePages.came(entry.at);
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
}

/** Whether a worker gave a chunk up because Redis did not have its shared values. */
function isShareGone({ shares }: Chunk, text: OutcomeText): boolean {
  return shares.length > 0 && text.startsWith("!") && text.includes('"SHARED_VALUE_GONE"');
}
