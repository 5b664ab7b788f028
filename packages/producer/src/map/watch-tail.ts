/**
 * Looks after the tail of a map: once all of it was sent and workers are idle, they get work that others have in hand.
 *
 * - A chunk that has been running for a while gives back the items that have not begun. They are sent again, as chunks of
 *   their own.
 * - With `speculate`, a backup is started for a chunk that runs for much longer than its siblings. The first outcome
 *   counts, as for a job that ran twice because a machine was cut off, and the transport stops the other run.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { MapAccount } from "../account/map-account.ts";
import { itemsOf } from "../input/chunk.ts";
import type { Chunk } from "../input/chunk.ts";
import { stragglersOf } from "./stragglers.ts";
import type { Speculation } from "./stragglers.ts";
import type { CarriedMap, TailHand, TailLook } from "./transport.ts";

/** Limits of how often to look, in ms: ten times while the longest job runs. */
const LOOK_MS = { min: 100, max: 1_000 } as const;

/**
 * A chunk that has run for less than this, in ms, is not cut: sending its items again would take as long as waiting for
 * it.
 */
const CUT_AFTER_MS = 100;

/** After this long without an answer, in ms, a chunk is asked again: another machine may have it by now. */
const ASK_AGAIN_MS = 1_000;

/** Watches a map until it has ended. Never rejects. @param rule - for backup runs; absent: there are none */
export async function watchTail(
  map: CarriedMap,
  hand: TailHand | undefined,
  rule: Speculation | undefined,
  account: Pick<MapAccount, "measured" | "backedUp">,
): Promise<void> {
  if (hand === undefined || map.ended) return;
  const cutter = new Cutter(map, hand);
  const backups = rule === undefined ? undefined : new BackupRuns(map, hand, rule, account);
  let longestMs = 0;
  for (;;) {
    const chunks = map.chunks(map.underWay);
    const candidates = chunks.filter((chunk) => cutter.mayCut(chunk) || backups?.mayStart(chunk) === true);
    if (backups === undefined && candidates.length === 0) return;
    // This timer must not keep the process alive; the map does.
    const ms = Math.min(LOOK_MS.max, Math.max(LOOK_MS.min, longestMs / 10));
    await delay(ms, undefined, { ref: false });
    if (map.ended) return;
    if (candidates.length === 0) continue;
    // If Redis does not answer, no chunk is known to be slow.
    const look = await hand.look(map, candidates).catch(() => undefined);
    if (map.ended) return;
    longestMs = Math.max(0, ...(look?.runningMs.values() ?? []));
    if (look === undefined || !look.isIdle) continue;
    await cutter.look(look);
    if (!map.ended) await backups?.look(look, cutter);
  }
}

/** Asks chunks for the items that have not begun. */
class Cutter {
  readonly #map: CarriedMap;
  readonly #hand: TailHand;
  /** When each chunk was asked, for the first and for the last time. */
  readonly #asked = new WeakMap<Chunk, { readonly firstAt: number; readonly lastAt: number }>();

  constructor(map: CarriedMap, hand: TailHand) {
    this.#map = map;
    this.#hand = hand;
  }

  /** Whether it may have items that have not begun. A chunk that has answered has begun all that it kept. */
  mayCut(chunk: Chunk): boolean {
    // A folded value does not say of how many items it is, so the chunk must stay whole.
    if (this.#map.job.reduce !== undefined) return false;
    return chunk.cut === undefined && itemsOf(chunk) > 1 && this.#hand.canCut(this.#map);
  }

  /** Whether it was asked long ago and has not answered: its process may be frozen. */
  isSilent(chunk: Chunk): boolean {
    const asked = this.#asked.get(chunk);
    return asked !== undefined && performance.now() - asked.firstAt >= ASK_AGAIN_MS;
  }

  #mayAsk(chunk: Chunk): boolean {
    const asked = this.#asked.get(chunk);
    return this.mayCut(chunk) && (asked === undefined || performance.now() - asked.lastAt >= ASK_AGAIN_MS);
  }

  async look({ runningMs }: TailLook): Promise<void> {
    const msOf = ({ at }: Chunk): number => runningMs.get(at) ?? 0;
    const longFirst = this.#map
      .chunks([...runningMs.keys()])
      .filter((chunk) => this.#mayAsk(chunk) && msOf(chunk) >= CUT_AFTER_MS)
      .toSorted((a, b) => msOf(b) - msOf(a));
    if (longFirst.length === 0) return;
    const idle = await this.#hand.idleSlots(this.#map).catch(() => 0);
    const asked = longFirst.slice(0, idle);
    if (asked.length === 0 || this.#map.ended) return;
    // The process that gives items back gets a share of them too.
    const pieces = Math.ceil(idle / asked.length) + 1;
    const now = performance.now();
    for (const chunk of asked) {
      chunk.pieces = pieces;
      this.#asked.set(chunk, { firstAt: this.#asked.get(chunk)?.firstAt ?? now, lastAt: now });
    }
    await this.#hand.cut(this.#map, asked).catch(() => {}); // it is asked again later
  }
}

/** Starts backups of stragglers, at most one for each. */
class BackupRuns {
  readonly #map: CarriedMap;
  readonly #hand: TailHand;
  readonly #rule: Speculation;
  readonly #account: Pick<MapAccount, "measured" | "backedUp">;
  readonly #started = new WeakSet<Chunk>();
  /** How many backups one look may start; more each time, as long as workers begin all of them at once. */
  #most = 1;

  constructor(
    map: CarriedMap,
    hand: TailHand,
    rule: Speculation,
    account: Pick<MapAccount, "measured" | "backedUp">,
  ) {
    this.#map = map;
    this.#hand = hand;
    this.#rule = rule;
    this.#account = account;
  }

  mayStart(chunk: Chunk): boolean {
    return !this.#started.has(chunk);
  }

  async look({ runningMs }: TailLook, cutter: Pick<Cutter, "mayCut" | "isSilent">): Promise<void> {
    const { done, total = 0 } = this.#map.progress;
    const [medianMs = 0] = this.#account.measured.times.percentiles(0.5);
    const running = this.#map
      .chunks([...runningMs.keys()])
      // Chunks that can be cut are cut first, because that runs nothing twice.
      .filter((chunk) => this.mayStart(chunk) && (!cutter.mayCut(chunk) || cutter.isSilent(chunk)))
      .map((chunk) => ({ at: chunk.at, n: itemsOf(chunk), ms: runningMs.get(chunk.at) ?? 0 }));
    const slow = stragglersOf({ total, done, medianMs, running }, this.#rule).slice(0, this.#most);
    this.#most = slow.length === this.#most ? this.#most * 2 : 1;
    if (slow.length === 0) return;
    const chunks = this.#map.chunks(slow);
    for (const chunk of chunks) {
      this.#started.add(chunk);
      this.#account.backedUp();
    }
    await this.#hand.backUp(this.#map, chunks).catch(() => {}); // the first run goes on
  }
}
