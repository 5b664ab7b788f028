/** Runs the items of one job, one after the other. */

import { decodeEach, DecodeError } from "@poolmq/shared/task";
import type { ItemOutcome, OutcomeText, RemoteInfo } from "@poolmq/shared/task";

import type { TaskContext } from "../task-context.ts";
import type { SpanFacts } from "./item-span.ts";
import { OutcomeWriter } from "./outcome-writer.ts";
import type { KeepStack, OutcomeLimit } from "./outcome-writer.ts";
import { runItem } from "./run-item.ts";
import type { Ran } from "./run-item.ts";
import type { TaskFunction } from "./task-module.ts";

export interface ChunkRun {
  readonly fn: TaskFunction;
  readonly task: string;
  /** Index of the first item. */
  readonly at: number;
  readonly n: number;
  readonly attempt: number;
  /** The argument tuples, encoded. */
  readonly args: string;
  /** That the arguments name. */
  readonly bytes?: Buffer | undefined;
  /** Offsets of items that are not to be run. */
  readonly skip: ReadonlySet<number>;
  /** Shared values by their position in every tuple. */
  readonly shares: readonly (readonly [position: number, value: unknown])[];
  readonly worker: string;
  /** None without one. */
  readonly outcomeLimit?: OutcomeLimit;
  /** Errors are sent without their stacks, which this is given. */
  readonly keepStack?: KeepStack;
  /** Once it fires, no further item is started. */
  readonly signal: AbortSignal;
  /** The caller's trace. */
  readonly trace: string | undefined;
  context(index: number): TaskContext;
  /** An item has ended. */
  readonly onItemEnd?: ((context: TaskContext) => void) | undefined;
}

/** Is told of each item as it goes, where that is wanted. */
export interface ItemWatcher {
  started(offset: number): void;
  ended(offset: number, outcome: ItemOutcome): void;
}

/** What the items came to; of a watched run, nothing that the watcher was not told. */
export interface ChunkRan {
  readonly text: OutcomeText;
  /** That the text names. */
  readonly bytes?: Buffer | undefined;
  readonly retriable: number;
}

function spanOf(run: ChunkRun, offset: number): SpanFacts | undefined {
  const { trace, task, at, worker } = run;
  return trace === undefined ? undefined : { trace, task, at, worker, index: at + offset };
}

/** Runs the items that are not to be skipped. Never rejects. */
export async function runChunk(run: ChunkRun, watcher: ItemWatcher | undefined): Promise<ChunkRan> {
  const offsets = Array.from({ length: run.n }, (_, offset) => offset).filter(
    (offset) => !run.skip.has(offset),
  );
  const info = (offset: number): RemoteInfo => ({
    task: run.task,
    index: run.at + offset,
    attempt: run.attempt,
    worker: run.worker,
    pid: process.pid,
  });
  const writer = new OutcomeWriter(run.outcomeLimit, run.keepStack);
  let tuples: readonly unknown[][];
  try {
    tuples = decodeEach(run.args, run.bytes) as unknown[][];
    if (tuples.length !== run.n || !tuples.every(Array.isArray)) {
      throw new DecodeError(`Expected the arguments of ${run.n} items, got something else`);
    }
  } catch (thrown) {
    // Damaged, or of a newer Node: trying again would read the same bytes.
    const failed = offsets.map((): Ran => ({ ok: false, thrown, retriable: false }));
    offsets.forEach((offset, i) => watcher?.ended(offset, writer.write(failed[i] as Ran, info(offset))));
    return writer.writeAll(failed, (i) => info(offsets[i] ?? 0));
  }
  const ran: Ran[] = [];
  let retriable = 0;
  for (const offset of offsets) {
    if (run.signal.aborted) break;
    const args = tuples[offset] ?? [];
    for (const [position, value] of run.shares) args[position] = value;
    watcher?.started(offset);
    const context = run.context(run.at + offset);
    const item = await runItem(run.fn, args, context, spanOf(run, offset));
    run.onItemEnd?.(context);
    if (watcher === undefined) {
      ran.push(item);
    } else {
      const outcome = writer.write(item, info(offset));
      if (outcome.s === "threw" && outcome.final !== true) retriable++;
      watcher.ended(offset, outcome);
    }
  }
  if (watcher !== undefined) return { text: "", retriable };
  return writer.writeAll(ran, (i) => info(offsets[i] ?? 0));
}
