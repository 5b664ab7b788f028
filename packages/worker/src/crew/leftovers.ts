/**
 * Ends a host in which something that an ended item left behind computes for ever: an endless loop in a timer, or promises
 * that follow each other without end. Nothing else would ever run there.
 *
 * An item that runs can't be told from such a thing by silence alone, because it may compute for hours. Two things tell: the
 * host has begun none of its runs, or its main thread, stopped for a moment, is in the async context of an ended item.
 */

import { encodeThrown } from "@poolmq/shared/task";

import type { HostWatch } from "../host/host-watch.ts";
import { MAX_SUSPICIONS } from "../runs/charge.ts";
import type { LastWords } from "../runs/charge.ts";
import type { HostRuns } from "../runs/host-runs.ts";
import type { Ticket } from "../runs/run.ts";

const WHAT = "what an ended item left behind never lets its event loop go on";

export class Leftovers {
  readonly #runs: HostRuns;
  readonly #watch: HostWatch;
  readonly #onFound: (reason: string, lastWords: LastWords) => void;

  /** @param onFound - is to end the host, and not to charge its runs */
  constructor(runs: HostRuns, watch: HostWatch, onFound: (reason: string, lastWords: LastWords) => void) {
    this.#runs = runs;
    this.#watch = watch;
    this.#onFound = onFound;
  }

  /** Looks whether a host that computes does so for nobody. */
  async look(): Promise<void> {
    let hasBegun = false;
    for (const { ticket } of this.#runs.live()) {
      // The context can be wrong: that of a callback may be the item's that opened a connection which others use too.
      // So a run that was sent back often enough is left alone.
      if (ticket.suspicions >= MAX_SUSPICIONS) return;
      hasBegun ||= ticket.begun;
    }
    const of = hasBegun ? await this.#watch.leftover() : undefined;
    if (hasBegun && of === undefined) return;
    const thrown = encodeThrown(new Error(`The process was killed: ${WHAT}`));
    this.#onFound(WHAT, { id: of?.id, offset: of?.offset, thrown, isOwn: true });
  }

  /**
   * Looks before a run is charged with its time limit that has not stopped in its grace. Gives whether it still has to be
   * stopped by the end of its host.
   */
  async lookBefore(ticket: Ticket): Promise<boolean> {
    if (ticket.stopped !== "timeout" || !this.#runs.back.isBlocked) return true;
    await this.look();
    for (const sent of this.#runs.live()) if (sent.ticket === ticket) return true;
    return false;
  }
}
