/** One job on its way through a crew. */

import type { ChildDetail, ItemOutcome, LogBatch, OutcomeText, Payload } from "@poolmq/shared/internal";

import type { OutcomeLimit } from "../item/outcome-writer.ts";
import type { HostExit } from "../host/host.ts";
import type { SharedMemory } from "../pipe/pipe-messages.ts";

/** What a host is asked to run: one job. */
export interface Run {
  readonly fn: string;
  readonly map: string;
  readonly at: number;
  readonly n: number;
  readonly attempt: number;
  readonly args: Payload;
  /** The bytes that the arguments refer to. */
  readonly bytes: Buffer | undefined;
  /** Report each item's start and outcome. */
  readonly careful: boolean;
  /** Offsets of items that are not to be run. */
  readonly skip: readonly number[];
  readonly shares: readonly SharedArgument[];
  /** Name of the function that folds the results of its items, if they may be folded. */
  readonly reduce?: string | undefined;
  /** The caller's trace. */
  readonly trace: string | undefined;
  /** When its job was enqueued, by the wall clock. Only of a traced job that is run for the first time. */
  readonly enqueuedAtMs?: number | undefined;
  /** What its items print and log is forwarded. */
  readonly logs: boolean;
  /** Takes the reports of the items, if the machine has several lanes: those of the lane that the job came from. */
  readonly reports?: RunReports | undefined;
  /** Replaces the limit of outcomes that the host was started with, because Redis takes less. */
  readonly outcomeLimit?: OutcomeLimit | undefined;
  /** Time limit of the function for each item, in ms, from its start. */
  readonly timeoutMs: number | undefined;
  /**
   * How many items the function takes at once, if it is of a batch task. Absent if its items are to run alone: one of
   * them may have taken down its host, or have run too long, and it is not known which.
   */
  readonly maxItems?: number | undefined;
  /**
   * Called after a cut with the number of items that the run keeps. No host has begun the others, nor will begin them for
   * this run. Absent: the run can't be cut.
   */
  readonly onCut?: ((items: number) => void) | undefined;
  /** Another host may be running the same chunk, and this run should not go to that one. @defaultValue false */
  readonly isBackup?: boolean;
}

/** Takes the reports of a run's items. */
interface RunReports {
  progress(mapId: string, index: number, payload: Payload): void;
  /** @param line - a `LogLine` as JSON */
  log(mapId: string, index: number, by: Omit<LogBatch, "lines">, line: string): void;
}

/** An argument of every tuple of a job that is a shared value. */
export interface SharedArgument {
  readonly position: number;
  readonly id: string;
  readonly payload: Payload;
  /** The bytes that the payload names. */
  readonly bytes: Buffer | undefined;
  /** The value itself, in place of the payload, if the host shares this process's memory. */
  readonly memory?: SharedMemory | undefined;
}

/** How a run ended. */
export type RunEnd =
  | (Partly & {
      readonly kind: "done";
      /** Empty after a careful run whose results were not folded: `outcomes` has it all. */
      readonly text: OutcomeText;
      /** The bytes that the text names. */
      readonly bytes?: Buffer | undefined;
      /** How many items failed and may be tried again. */
      readonly retriable: number;
      readonly ms: number;
      /** The part of `ms` that is its own, if its items were given to the function together with others. */
      readonly ownMs?: number | undefined;
      /** How long the answer was on its way, in ms, if the host knows. */
      readonly transitMs?: number | undefined;
    })
  /** It took its host down, as far as is known. */
  | (Partly & {
      readonly kind: "lost";
      readonly exit: HostExit;
      /** The uncaught error, encoded, if there was one. */
      readonly thrown?: Payload | undefined;
    })
  /**
   * Its host died while running it, because of something that an item with an outcome had left behind. No item is
   * charged.
   */
  | (Partly & { readonly kind: "interrupted" })
  /** An item took longer than `timeoutMs`: it stopped when asked to, or its child was killed. */
  | (Partly & { readonly kind: "timeout" })
  /** Its map was cancelled. */
  | { readonly kind: "cancelled" }
  /** This machine has not run it, or has stopped it to shut down. It is to run elsewhere, and is not charged. */
  | { readonly kind: "unstarted"; readonly cut?: number | undefined };

/** How far a run came. */
interface Partly {
  readonly pid: number;
  /** Outcomes of items by offset, as far as they were reported one by one. */
  readonly outcomes: ReadonlyMap<number, ItemOutcome>;
  /** Offset of the item that was running; `undefined` if nobody knows. */
  readonly running: number | undefined;
  /** Number of its items, from the first on, that it keeps after a cut. Absent: all. */
  readonly cut?: number | undefined;
}

/** Why a run was told to stop. */
export type StopReason = "timeout" | "cancelled" | "shutdown";

const NONE: ReadonlyMap<number, ItemOutcome> = new Map();

/** A run in its crew, and what is known of it. */
export class Ticket {
  static #made = 0;
  /** Later ones have higher numbers. */
  readonly no: number = Ticket.#made++;
  readonly run: Run;
  readonly settle: (end: RunEnd) => void;
  /** When it began to wait for a host, by the monotonic clock. */
  heldSince: number = performance.now();
  /** Offset of the item that is running, as far as is known. */
  current: number | undefined;
  #outcomes: Map<number, ItemOutcome> | undefined;
  /** Whether its function is running, as far as is known. */
  running = false;
  /** Since when, by the monotonic clock. */
  runningSince = 0;
  /** Whether the host has reported its beginning. If the host then dies, this run is charged. */
  begun = false;
  /** Number of hosts on which it was running when poolmq's own code failed there. */
  suspicions = 0;
  stopped: StopReason | undefined;
  #cut: number | undefined;

  constructor(run: Run, settle: (end: RunEnd) => void) {
    this.run = run;
    this.settle = settle;
    // A job of one item needs no report to know which one runs, unless others run with it.
    this.current = run.n === 1 && run.maxItems === undefined ? 0 : undefined;
  }

  /** Outcomes of items by offset, as far as they were reported one by one. */
  get outcomes(): ReadonlyMap<number, ItemOutcome> {
    return this.#outcomes ?? NONE;
  }

  /** Number of its items, from the first on, that it keeps after a cut; `undefined`: all. */
  get cut(): number | undefined {
    return this.#cut;
  }

  /** Notes how many of its items it keeps after a cut. A host is not trusted, so impossible numbers are ignored. */
  keeps(items: number): void {
    // Nobody wants the other items: it was cut only to end soon.
    if (this.stopped === "cancelled") return;
    const { n, onCut } = this.run;
    if (this.#cut !== undefined || !Number.isInteger(items) || items < 1 || items > n) return;
    this.#cut = items;
    onCut?.(items);
  }

  /** Notes the reported outcome of an item. */
  ended(offset: number, outcome: ItemOutcome): void {
    this.#outcomes ??= new Map();
    this.#outcomes.set(offset, outcome);
    this.current = undefined;
  }

  /** What watchers see of it while it runs. */
  get detail(): ChildDetail["runs"][number] | undefined {
    if (!this.running) return undefined;
    const { fn: task, map, at, n, attempt } = this.run;
    const sinceMs = Math.round(this.runningSince + Date.now() - performance.now());
    const facts = { task, map, at, n, attempt, sinceMs };
    return n === 1 || this.current === undefined ? facts : { ...facts, offset: this.current };
  }

  /** Whether it runs this item, or may do so. */
  isRunning(mapId: string, index: number): boolean {
    const { map, at, n } = this.run;
    const offset = index - at;
    const isIt = this.current === undefined ? offset >= 0 && offset < n : offset === this.current;
    return this.running && map === mapId && isIt;
  }

  /** Which item it is, as far as is known, for the log. */
  get facts(): object {
    const { fn: task, map: mapId, at, n, attempt } = this.run;
    const isKnown = this.current !== undefined;
    return { task, mapId, index: at + (this.current ?? 0), ...(isKnown ? {} : { of: n }), attempt };
  }

  partly(pid: number): Partly {
    return { pid, outcomes: this.outcomes, running: this.current, cut: this.#cut };
  }

  /** Ends a run that was told to stop. */
  settleStopped(pid: number): void {
    if (this.stopped === "timeout") this.settle({ kind: "timeout", ...this.partly(pid) });
    else if (this.stopped === "cancelled") this.settle({ kind: "cancelled" });
    else this.settle({ kind: "unstarted", cut: this.#cut });
  }
}
