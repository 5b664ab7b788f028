/**
 * Asks a host for the runs, or the items of runs, that it has not begun, because another host may be free for them or nobody
 * wants them any more. Its guard answers, even while its main thread computes.
 */

import type { Host } from "../host/host.ts";
import type { SentRun, SentRuns } from "./sent-runs.ts";
import type { Ticket } from "./run.ts";

/** A host whose event loop turns has begun a run much sooner, in ms. */
const BLOCKED_MS = 100;

export class AskBack {
  readonly #host: Pick<Host, "sendToGuard" | "quiet">;
  readonly #sent: SentRuns;
  readonly #concurrency: number;
  /** The id of the oldest run at the last look. If it is still the oldest, it has been running for long. */
  #oldestBefore: number | undefined;
  /** Whether one of its runs keeps it from beginning others, as far as is known: it is sent none until it says something. */
  isBlocked = false;

  constructor(host: Pick<Host, "sendToGuard" | "quiet">, sent: SentRuns, concurrency: number) {
    this.#host = host;
    this.#sent = sent;
    this.#concurrency = concurrency;
  }

  /** Asks for a run. */
  revoke(sent: SentRun): void {
    this.#ask(sent, "revoke");
  }

  /** Asks for the items of a run that have not begun. */
  cut(sent: SentRun): void {
    this.#ask(sent, "cut");
  }

  /** Asks for the items of matching runs that have not begun. `Run.onCut` says how many a run keeps. */
  cutAll(matches: (ticket: Ticket) => boolean): void {
    for (const sent of this.#sent.live()) {
      const { run, begun, cut, stopped } = sent.ticket;
      if (!begun || run.onCut === undefined || cut !== undefined || stopped !== undefined) continue;
      if (matches(sent.ticket)) this.cut(sent);
    }
  }

  /** Asks for the run that would begin last, if it waits behind others. */
  revokeLast(): void {
    let last: SentRun | undefined;
    for (const sent of this.#sent.live()) last = sent;
    if (last !== undefined && !last.ticket.running && last.ticket.stopped === undefined) this.revoke(last);
  }

  /**
   * Asks for the runs that wait behind one that has been running since the last call, and for longer than `longMs`.
   *
   * @param isOtherFree - another host could run them now. Then those are also asked for that should have begun a while ago
   * and have not, because another run blocks the event loop
   */
  revokeTrapped(isOtherFree: boolean, longMs: number): void {
    const oldest = this.#sent.oldestId;
    const wasOldest = oldest === this.#oldestBefore && this.#sent.size > this.#concurrency;
    this.#oldestBefore = oldest;
    if (this.#sent.size < 2 || (!wasOldest && !isOtherFree)) return;
    const now = performance.now();
    const isTrap = wasOldest && this.#isLong(longMs, now);
    // Otherwise they would be sent here again, since it has the fewest runs by then.
    if (isTrap && this.#concurrency === 1) this.isBlocked = true;
    for (const sent of this.#sent.live()) {
      const { running, begun, runningSince, stopped } = sent.ticket;
      if (stopped !== undefined) continue;
      const isBlocked = isOtherFree && running && !begun && runningSince < now - BLOCKED_MS;
      if (isBlocked) this.isBlocked = true;
      if (isBlocked || (isTrap && !running)) this.revoke(sent);
    }
  }

  /** Whether its oldest run has been running for so long, in ms. It is not, as far as is known, if what it says waits. */
  isLong(longMs: number): boolean {
    return this.#host.quiet?.isQuiet !== true && this.#isLong(longMs, performance.now());
  }

  #isLong(longMs: number, now: number): boolean {
    const [oldest] = this.#sent.live();
    return oldest !== undefined && oldest.ticket.running && now - oldest.ticket.runningSince >= longMs;
  }

  #ask(sent: SentRun, t: "revoke" | "cut"): void {
    if (sent.revoking || sent.revoked) return;
    sent.revoking = true;
    this.#host.sendToGuard({ t, id: sent.id, slot: sent.slot });
  }
}
