/**
 * The runs of a host: those that wait, begun in the order in which they came, and those that run.
 *
 * Tasks share this thread's globals and may have changed them. So the code here calls no method of `Map` or `Array`, and
 * its other functions were kept from before any task was loaded.
 */

import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";

import type { Payload } from "@poolmq/shared/task";

import { bare } from "./bare.ts";
import type { ToChild } from "../../pipe/pipe-messages.ts";
import type { Place } from "../../batch/batch.ts";
import type { Batches } from "../../batch/batches.ts";
import { damage } from "./common-globals.ts";
import type { CommonGlobals } from "./common-globals.ts";
import { ChunkMaker } from "./chunk-maker.ts";
import type { ChunkMakerOptions } from "./chunk-maker.ts";
import { claim, openItems } from "./claims.ts";
import type { ItemContexts, RunMessage } from "../../item/item-context.ts";
import type { ChunkRan } from "../../item/outcome-writer.ts";
import { runChunk } from "../../item/run-chunk.ts";
import type { ItemWatcher } from "../../item/run-chunk.ts";
import { RunStop } from "../../item/run-stop.ts";
import type { TaskModule } from "../../tasks-module/task-module.ts";
import { WaitingRuns } from "./waiting-runs.ts";
import type { WaitingRun } from "./waiting-runs.ts";
import type { WayOut } from "../../item/way-out.ts";

/**
 * Outcomes of more characters are read at once: the pipe must hold all that a child writes until its messages are read,
 * since it would keep the rest in its memory.
 */
const LARGE_TEXT = 8 * 1024;

export interface RunQueueOptions extends ChunkMakerOptions {
  readonly concurrency: number;
  /** Absent if no task takes several items at once. */
  readonly batches: typeof Batches | undefined;
  /** Absent if the tasks share the globals of the program itself, which is free to change them. */
  readonly globals?: CommonGlobals | undefined;
  /** Gives the memory of the process, in bytes, if it has a limit and it is time to read it. */
  readonly residentBytes: () => number | undefined;
  /**
   * Called when a task has damaged this process: poolmq's own code has failed, or what tasks share no longer works. @param
   * by - the run that did it, and the offset of its item, as far as that is known
   */
  readonly onBroken: (error: unknown, by?: BrokenBy) => void;
  /** A run has ended. */
  readonly onRunEnd: () => void;
  /** Makes the supervisor read what was said. Absent if it reads all at once. */
  readonly ring?: () => void;
  /** Called when it was told to end and nothing runs any more. */
  readonly onIdle: () => void;
}

interface BrokenBy {
  readonly id: number;
  readonly offset?: number;
}

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #out: WayOut;
  readonly #chunks: ChunkMaker;
  readonly #waiting = new WaitingRuns();
  /** What can stop a run, by its id. */
  readonly #running: Record<number, RunStop> = bare();
  #runningCount = 0;
  /** The run whose beginning was announced in the `done` message of the run before it. */
  #announced: number | undefined;
  readonly #batches: Batches | undefined;
  /** What is said is not read before this has rung. */
  #isUnheard = false;
  #stopping = false;

  constructor(module: TaskModule, out: WayOut, contexts: ItemContexts, options: RunQueueOptions) {
    this.#out = out;
    this.#chunks = new ChunkMaker(module, contexts, options);
    this.#options = options;
    const { batches: Loaded } = options;
    if (Loaded === undefined) return;
    this.#batches = new Loaded({
      log: (task) => contexts.batchLog(task),
      flush: () => out.flush(),
      onOpen: () => this.#startNext(),
    });
  }

  /** Whether a run has begun and has not ended. */
  get isRunning(): boolean {
    return this.#runningCount > 0;
  }

  /** Never throws. */
  take(message: ToChild, text: Payload, bytes: Buffer | undefined): void {
    try {
      this.#take(message, text, bytes);
    } catch (error) {
      this.#options.onBroken(error);
    }
  }

  #take(message: ToChild, text: Payload, bytes: Buffer | undefined): void {
    switch (message.t) {
      case "run":
        this.#isUnheard = message.quiet === true;
        this.#waiting.add({ message, args: text, bytes, next: undefined });
        return this.#startNext();
      case "abort":
        return this.#abort(message.id, message.reason);
      case "share":
        return this.#chunks.share(message, text, bytes);
      case "unshare":
        return this.#chunks.unshare(message.id);
      case "ping":
        this.#out.send({ t: "pong" });
        return this.#out.flush();
      case "stop":
        this.#stopping = true;
        if (this.#runningCount === 0) this.#options.onIdle();
        return;
      default:
        message satisfies never;
    }
  }

  #abort(id: number, reason: string): void {
    const stop = this.#running[id];
    if (stop !== undefined) return stop.stop(reason);
    if (this.#waiting.remove(id)) this.#out.send({ t: "done", id, ms: 0, retriable: 0 });
  }

  #startNext(): void {
    for (;;) {
      const next = this.#waiting.first;
      if (next === undefined) return this.#ring();
      const joined = next.message.together === true ? this.#openPlace(next.message) : undefined;
      if (joined === undefined && this.#runningCount >= this.#options.concurrency) {
        // Make an open batch run now: nothing should wait behind a batch that only waits for more items.
        return this.#batches?.hurry();
      }
      this.#waiting.removeFirst();
      const { id, slot, n } = next.message;
      if (n > 1) openItems(this.#options.claims, slot);
      if (!claim(this.#options.claims, slot, id)) {
        this.#out.send({ t: "skipped", id });
        continue;
      }
      if (id !== this.#announced) {
        // Sent before the run can take the process down.
        this.#out.send({ t: "begun", id });
        // A batch sends this for all its runs before it calls the function.
        if (joined === undefined) this.#out.flush();
      }
      // The function may compute for long. Its supervisor has that time to send more.
      if (this.#waiting.first === undefined) this.#ring();
      const stop = new RunStop();
      this.#running[id] = stop;
      if (joined === undefined) this.#runningCount++;
      else joined.runs++;
      void this.#run(next, stop, joined);
    }
  }

  /** The place of the open batch, if the run may join it. */
  #openPlace({ fn: task, n, skip }: RunMessage): Place | undefined {
    const fn = this.#chunks.task(task);
    return fn === undefined ? undefined : this.#batches?.placeFor(fn, n - (skip?.length ?? 0));
  }

  /** Never rejects. @param joined - the place of the batch that this run joins */
  async #run({ message, args, bytes }: WaitingRun, stop: RunStop, joined: Place | undefined): Promise<void> {
    const { id } = message;
    try {
      const started = performance.now();
      const watcher = this.#watcher(message, stop);
      const chunk = this.#chunks.chunk(message, args, bytes, stop);
      const batches = message.together === true ? this.#batches : undefined;
      const place = batches === undefined ? undefined : (joined ?? { runs: 1 });
      const ran =
        batches === undefined || place === undefined
          ? await runChunk(chunk, watcher)
          : await batches.run(chunk, watcher, stop, place);
      // A run that leaves a batch leaves the place to the other runs.
      const freesPlace = place === undefined || place.runs === 1;
      const ms = performance.now() - started;
      const { globals } = this.#options;
      const isTouched = globals?.isTouched === true;
      // What failed, or ran with others, may have suffered from damage itself: it is not answered then, and runs elsewhere.
      const maySuffer = ran.text[0] !== "=" || (isTouched && message.n > 1);
      if (maySuffer && watcher === undefined && this.#endsBroken(message.n > 1 ? { id } : undefined)) return;
      this.#tellDone(id, ms, ran, freesPlace && !isTouched);
      // Nothing else begins here before it is known that it would not suffer.
      const what = isTouched ? await globals.look() : undefined;
      if (what !== undefined) return this.#options.onBroken(damage(what));
      // Send a large result before the next function runs, which may block this thread for long.
      if (ran.bytes !== undefined) await this.#out.drained();
      delete this.#running[id];
      this.#options.onRunEnd();
      if (place !== undefined && --place.runs > 0) return;
      this.#runningCount--;
      if (this.#stopping && this.#runningCount === 0) this.#options.onIdle();
      else this.#startNext();
    } catch (error) {
      this.#options.onBroken(error);
    }
  }

  /** Ends this process if what tasks share no longer works, and gives whether it does. @param by - who must have done it */
  #endsBroken(by: BrokenBy | undefined): boolean {
    const what = this.#options.globals?.broken;
    if (what !== undefined) this.#options.onBroken(damage(what), by);
    return what !== undefined;
  }

  /** Gives the watcher of a careful run, which looks after each item whether that has damaged anything. */
  #watcher(message: RunMessage, stop: RunStop): ItemWatcher | undefined {
    const watcher = this.#chunks.watcher(message);
    const { globals } = this.#options;
    if (watcher === undefined || globals === undefined || message.n === 1) return watcher;
    return {
      started: (offset) => watcher.started(offset),
      ended: (offset, outcome) => {
        watcher.ended(offset, outcome);
        // Its further items are for another process.
        if (globals.isTouched && this.#endsBroken({ id: message.id, offset })) stop.stop("shutdown");
      },
    };
  }

  /** Says that a run has ended, and which one begins now, if one does. */
  #tellDone(id: number, ms: number, ran: ChunkRan, freesPlace: boolean): void {
    const { retriable, text, bytes, cut, ownMs } = ran;
    const next = this.#stopping || !freesPlace ? undefined : this.#waiting.first?.message.id;
    if (freesPlace) this.#announced = next;
    const rss = this.#options.residentBytes();
    this.#out.send({ t: "done", id, ms: ran.ms ?? ms, ownMs, retriable, next, rss, cut }, text, bytes);
    // Sent before the next item can take the process down, since the loss would be charged to this run. While other runs of its
    // batch still have the place, no next item begins: what they all came to is sent together, so that the supervisor completes
    // them together, and fetches together what follows them.
    if (freesPlace) this.#out.flush();
    else setImmediate(() => this.#out.flush());
    if (bytes !== undefined || text.length > LARGE_TEXT) this.#ring();
  }

  #ring(): void {
    if (!this.#isUnheard) return;
    this.#isUnheard = false;
    this.#options.ring?.();
  }
}
