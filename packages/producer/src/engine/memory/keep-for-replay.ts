/**
 * For calls with `keepFailed` on a pool in memory: stores failed items in files, and names these in the items' errors.
 */

import { inspectBriefly, toJson } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText } from "@poolmq/shared/internal";
import type { Run, writeReplayFile } from "@poolmq/worker/local";

/** The most items of a map that are kept. Nobody looks at more than a few. */
const MAX_ITEMS = 20;

/** A run of which an item failed. */
type FailedRun = Pick<Run, "map" | "at" | "n" | "args" | "bytes" | "shares"> & { readonly task: string };

export class KeepForReplay {
  readonly #write: typeof writeReplayFile;
  readonly #module: string;
  readonly #warn: (message: string) => void;
  /** By map: number of items that are kept. */
  readonly #counts = new Map<string, number>();

  /** @param module - path of the tasks module */
  constructor(write: typeof writeReplayFile, module: string, warn: (message: string) => void) {
    this.#write = write;
    this.#module = module;
    this.#warn = warn;
  }

  /**
   * Keeps the failed items of a run. Gives the run's outcomes, to which the commands are added that run each of these
   * items once more.
   */
  keep(run: FailedRun, text: OutcomeText): OutcomeText {
    if (text.startsWith("=")) return text;
    const outcomes = JSON.parse(text.slice(1)) as ItemOutcome[];
    return `!${toJson(outcomes.map((outcome, offset) => this.#keepOne(run, outcome, offset)))}`;
  }

  /** Forgets a map that has ended. */
  forget(mapId: string): void {
    this.#counts.delete(mapId);
  }

  #keepOne(run: FailedRun, outcome: ItemOutcome, offset: number): ItemOutcome {
    const { task, map: mapId, at, n, args, bytes, shares } = run;
    const count = this.#counts.get(mapId) ?? 0;
    if (outcome.s === "ok" || count >= MAX_ITEMS) return outcome;
    const item = { task, mapId, index: at + offset, offset, n, args, bytes, shares };
    try {
      const path = this.#write({ item, module: this.#module });
      this.#counts.set(mapId, count + 1);
      return { ...outcome, by: { ...outcome.by, replay: `npx poolmq replay ${path}` } };
    } catch (error) {
      this.#warn(
        `item ${item.index} of ${mapId} is not kept for \`poolmq replay\`: ${inspectBriefly(error)}`,
      );
      return outcome;
    }
  }
}
