/** Runs the items of one job, one after the other. */

import type { ItemOutcome, RemoteInfo } from "@poolmq/shared/task";

import { Turn } from "../task/task-context.ts";
import type { TaskContext } from "../task/task-context.ts";
import { ItemArguments } from "./item-arguments.ts";
import { ItemClaims } from "./item-claims.ts";
import type { Claim } from "./item-claims.ts";
import type { SpanFacts } from "./item-span.ts";
import { OutcomeWriter } from "./outcome-writer.ts";
import type { ChunkRan, KeepStack, OutcomeLimit } from "./outcome-writer.ts";
import { RanItems } from "./ran-items.ts";
import { mayTakeTurns, runItem, runRow, settle } from "./run-item.ts";
import type { Ran } from "./ran-items.ts";
import { ResultFold } from "./result-fold.ts";
import { isCodecSound } from "./sound-codec.ts";
import type { RunStop } from "./run-stop.ts";
import type { TaskFunction } from "../tasks-module/task-module.ts";

export interface ChunkRun {
  readonly fn: TaskFunction;
  /** Folds the results of the items, if they may be folded. */
  readonly reducer?: TaskFunction | undefined;
  readonly task: string;
  /** Index of the first item. */
  readonly at: number;
  readonly n: number;
  readonly attempt: number;
  /** The items' arguments, encoded. */
  readonly args: string;
  /** The bytes that the arguments refer to. */
  readonly bytes?: Buffer | undefined;
  /** Offsets of items that are not to be run. */
  readonly skip: ReadonlySet<number>;
  /** Claims items before they begin. Absent: none can be taken back. */
  readonly claim?: Claim | undefined;
  /** Shared values by their position in every tuple. */
  readonly shares: readonly (readonly [position: number, value: unknown])[];
  readonly worker: string;
  /** Absent: no limit. */
  readonly outcomeLimit: OutcomeLimit | undefined;
  /** Set if errors are sent without their stacks: it takes each thrown value. */
  readonly keepStack: KeepStack | undefined;
  /** Once it is stopped, no further item is started. */
  readonly stop: Pick<RunStop, "isStopped">;
  /** The caller's trace. */
  readonly trace: string | undefined;
  /** When the job was enqueued, by the wall clock; set if spans are to say how long its items waited. */
  readonly enqueuedAtMs?: number | undefined;
  readonly context: (index: number) => TaskContext;
  /** Called when an item has ended. */
  readonly onItemEnd: ((context: TaskContext) => void) | undefined;
}

/** Is told of the start and end of each item. */
export interface ItemWatcher {
  /** @param offset - `undefined`: several items start at once */
  started(offset: number | undefined): void;
  ended(offset: number, outcome: ItemOutcome): void;
}

/**
 * For chunks of fewer items, watching what they leave behind is not worthwhile: beginning and ending that costs as much
 * as an async context for each of them.
 */
const SHORT_ROW = 16;

/** Runs the items that are not to be skipped. Rejects only if this process can't be trusted any more. */
export async function runChunk(asked: ChunkRun, watcher: ItemWatcher | undefined): Promise<ChunkRan> {
  const { at, n, skip, reducer } = asked;
  const info = (offset: number): RemoteInfo => infoOf(asked, offset);
  const outcomes = new OutcomeWriter(asked.outcomeLimit, asked.keepStack);
  const isFolded = reducer !== undefined && n > 1 && skip.size === 0;
  const fold = isFolded
    ? new ResultFold({ fn: asked.fn, reducer }, outcomes, watcher !== undefined, info)
    : undefined;
  const writer = fold ?? outcomes;
  const run = fold === undefined ? asked : { ...asked, fn: fold.task };
  const { fn } = run;
  const ran = new RanItems();
  let items: ItemArguments;
  try {
    items = new ItemArguments(run, n, run.shares);
  } catch (thrown) {
    // If a task has damaged this process, the item of another task must not fail for it: throw, so that the process is
    // replaced.
    if (!isCodecSound()) throw thrown;
    // The arguments are damaged, or were written by a newer Node: another attempt would read the same bytes.
    const failed: Ran = { ok: false, thrown, retriable: false };
    for (let offset = 0; offset < n; offset++) {
      if (skip.has(offset)) continue;
      ran.add(offset, failed);
      watcher?.ended(offset, writer.write(failed, info(offset)));
    }
    return writer.writeAll(ran, info);
  }
  // Items are run one by one if each is reported, or needs an async context of its own.
  let mayRow =
    watcher === undefined && skip.size === 0 && run.trace === undefined && run.onItemEnd === undefined;
  let retriable = 0;
  const claims = new ItemClaims(n, run.claim);
  let offset = 0;
  while (offset < n && !run.stop.isStopped && claims.has(offset)) {
    if (mayRow && n - offset >= SHORT_ROW && mayTakeTurns(fn)) {
      const turn = new Turn(run.context);
      const { next, pending } = runRow(fn, { items, claims, from: offset, at }, turn, ran);
      if (pending !== undefined) ran.add(next - 1, await settle(fn, pending));
      turn.hasEnded = true;
      // The function may leave something behind at every call. Sharing a context then gains nothing.
      mayRow = false;
      offset = next;
      continue;
    }
    if (!skip.has(offset)) {
      watcher?.started(offset);
      const turn = new Turn(run.context, at + offset);
      const item = await runOne(run, items, offset, turn);
      turn.hasEnded = true;
      if (watcher === undefined) {
        ran.add(offset, item);
      } else {
        const outcome = writer.write(item, info(offset));
        if (outcome.s === "threw" && outcome.final !== true) retriable++;
        watcher.ended(offset, outcome);
      }
    }
    offset++;
  }
  // Unless the run was stopped, the remaining items were taken back.
  const cut = offset < n && !run.stop.isStopped ? offset : undefined;
  if (watcher === undefined) return { ...writer.writeAll(ran, info), cut };
  return { text: "", ...fold?.writeWatched(n), retriable, cut };
}

function runOne(run: ChunkRun, items: ItemArguments, offset: number, turn: Turn): Ran | Promise<Ran> {
  if (run.onItemEnd !== undefined) return runToItsEnd(run, items, offset, turn);
  return runItem(run.fn, items.of(offset), turn, spanOf(run, offset));
}

/** What the item prints and logs is forwarded from the moment that its context exists until its end was reported. */
async function runToItsEnd(run: ChunkRun, items: ItemArguments, offset: number, turn: Turn): Promise<Ran> {
  const { context } = turn;
  const ran = await runItem(run.fn, items.of(offset), turn, spanOf(run, offset));
  if (context !== undefined) run.onItemEnd?.(context);
  return ran;
}

/** Says where an item ran. */
export function infoOf(run: ChunkRun, offset: number): RemoteInfo {
  const { task, at, attempt, worker } = run;
  return { task, index: at + offset, attempt, worker, pid: process.pid };
}

/** The facts for the span of an item, if the call is traced. */
export function spanOf(run: ChunkRun, offset: number): SpanFacts | undefined {
  const { trace, enqueuedAtMs, task, at, worker } = run;
  return trace === undefined ? undefined : { trace, enqueuedAtMs, task, at, worker, index: at + offset };
}
