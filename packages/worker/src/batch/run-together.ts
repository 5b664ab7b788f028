/** Runs the items of one job of a batch task, together with those of other jobs. */

import { ItemArguments } from "../item/item-arguments.ts";
import { inItemSpan } from "../item/item-span.ts";
import { OutcomeWriter } from "../item/outcome-writer.ts";
import type { ChunkRan } from "../item/outcome-writer.ts";
import { RanItems } from "../item/ran-items.ts";
import type { Ran } from "../item/ran-items.ts";
import { infoOf, runChunk, spanOf } from "../item/run-chunk.ts";
import type { ChunkRun, ItemWatcher } from "../item/run-chunk.ts";
import { settle } from "../item/run-item.ts";
import type { RunStop } from "../item/run-stop.ts";
import { isCodecSound } from "../item/sound-codec.ts";
import type { BatchDefinition } from "../task/batch-function.ts";
import { taskOptionsOf } from "../task/define-task.ts";
import type { TaskContext } from "../task/task-context.ts";
import type { Batch, Rider, Seat } from "./batch.ts";

/** Puts items into a batch. */
type TakeSeats = (definition: BatchDefinition, seats: readonly Seat[]) => Batch;

/** Runs the items that are not to be skipped, no more than a batch of them at a time. Never rejects. */
export async function runTogether(
  run: ChunkRun,
  watcher: ItemWatcher | undefined,
  stop: RunStop,
  takeSeats: TakeSeats,
): Promise<ChunkRan> {
  const { fn, n } = run;
  const definition = taskOptionsOf(fn).batch;
  const items = argumentsOf(run);
  // `runChunk` reports what is wrong: with each item, or with a task that is not registered.
  if (definition === undefined || items === undefined) return await runChunk(run, watcher);
  const part = new Part(run, watcher);
  const offsets = Array.from({ length: n }, (_, offset) => offset).filter((offset) => !run.skip.has(offset));
  let cut: number | undefined;
  // The guard never takes back the first item.
  let claimed = 1;
  for (
    let from = 0;
    from < offsets.length && cut === undefined && !stop.isStopped;
    from += definition.maxItems
  ) {
    let group = offsets.slice(from, from + definition.maxItems);
    const to = (group.at(-1) ?? 0) + 1;
    if (to > claimed && run.claim?.(claimed, to) === false) {
      // The other items were taken back.
      cut = claimed;
      group = group.filter((offset) => offset < claimed);
    }
    claimed = to;
    const seats: Seat[] = [];
    for (const offset of group) {
      const given = items.of(offset)[0];
      const checked =
        definition.check === undefined
          ? { ok: true as const, value: given }
          : await settle(fn, checking(definition.check, given));
      if (checked.ok) seats.push(part.seat(offset, checked.value));
      else part.ended(offset, checked);
    }
    if (seats.length > 0 && !stop.isStopped) await part.ride(seats, stop, () => takeSeats(definition, seats));
  }
  stop.onStop = undefined;
  return { ...part.ran(), cut: stop.isStopped ? undefined : cut };
}

/** What a schema makes of an item; rejects if it refuses it. */
async function checking(check: (item: unknown) => unknown, item: unknown): Promise<unknown> {
  return await check(item);
}

function argumentsOf(run: ChunkRun): ItemArguments | undefined {
  try {
    return new ItemArguments(run, run.n, run.shares);
  } catch (thrown) {
    // If a task has damaged this process, the item of another task must not fail for it: throw, so that the process is
    // replaced.
    if (!isCodecSound()) throw thrown;
    return undefined;
  }
}

/** The items of one job that are in batches. */
class Part implements Rider {
  readonly #run: ChunkRun;
  readonly #watcher: ItemWatcher | undefined;
  readonly #writer: OutcomeWriter;
  readonly #ended = new Map<number, Ran>();
  #retriable = 0;
  /** Time of the batches that its items were in. */
  #ms = 0;
  /** This job's share of that time, if all items of a batch have equal shares. */
  #ownMs = 0;
  /** How many of its items in the present batch have no outcome. */
  #left = 0;
  #onNoneLeft: () => void = () => {};

  constructor(run: ChunkRun, watcher: ItemWatcher | undefined) {
    this.#run = run;
    this.#watcher = watcher;
    this.#writer = new OutcomeWriter(run.outcomeLimit, run.keepStack);
  }

  calling(alone: Seat | undefined): void {
    this.#watcher?.started(alone?.offset);
  }

  seat(offset: number, item: unknown): Seat {
    const run = this.#run;
    const index = run.at + offset;
    let context: TaskContext | undefined;
    const seat: Seat = {
      rider: this,
      offset,
      item,
      get context() {
        return (context ??= run.context(index));
      },
      settle: (ran) => {
        endSpan?.(ran);
        if (run.onItemEnd !== undefined) run.onItemEnd(seat.context);
        this.ended(offset, ran);
        if (--this.#left === 0) this.#onNoneLeft();
      },
    };
    const span = spanOf(run, offset);
    const endSpan = span === undefined ? undefined : beginSpan(span, seat);
    return seat;
  }

  /** Resolves when each of the seats has its outcome, or the run was stopped and need not wait for them. */
  async ride(seats: readonly Seat[], stop: RunStop, take: () => Batch): Promise<void> {
    const over = Promise.withResolvers<void>();
    this.#left = seats.length;
    this.#onNoneLeft = over.resolve;
    // A full batch may have ended when `take` returns, because its function may be synchronous.
    const batch = take();
    stop.onStop = (reason) => {
      if (batch.leave(this, reason)) over.resolve();
    };
    await over.promise;
    this.#ms += batch.ms;
    this.#ownMs += (batch.ms * seats.length) / batch.size;
  }

  ended(offset: number, ran: Ran): void {
    if (this.#watcher === undefined) {
      this.#ended.set(offset, ran);
      return;
    }
    const outcome = this.#writer.write(ran, infoOf(this.#run, offset));
    if (outcome.s === "threw" && outcome.final !== true) this.#retriable++;
    this.#watcher.ended(offset, outcome);
  }

  ran(): ChunkRan {
    const times = { ms: this.#ms, ownMs: this.#ownMs };
    if (this.#watcher !== undefined) return { text: "", retriable: this.#retriable, ...times };
    const ran = new RanItems();
    for (const [offset, item] of [...this.#ended].toSorted(([a], [b]) => a - b)) ran.add(offset, item);
    return { ...this.#writer.writeAll(ran, (offset) => infoOf(this.#run, offset)), ...times };
  }
}

/** Gives what ends the span of an item with what became of it. */
function beginSpan(span: NonNullable<ReturnType<typeof spanOf>>, seat: Seat): (ran: Ran) => void {
  const ended = Promise.withResolvers<unknown>();
  inItemSpan(span, seat.context, () => ended.promise).catch(() => {});
  return (ran) => (ran.ok ? ended.resolve(ran.value) : ended.reject(ran.thrown));
}
