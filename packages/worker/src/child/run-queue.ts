/**
 * The runs of a host: those that wait, begun in the order in which they came, and those that run.
 *
 * Tasks share this thread's globals and may have changed them. So the lists here have no method of `Map` or `Array` in
 * them, and what else is called was taken hold of before any task was loaded.
 */

import { performance } from "node:perf_hooks";

import { decode } from "@poolmq/shared/task";
import type { Payload } from "@poolmq/shared/task";

import type { ToChild } from "../pipe/pipe-messages.ts";
import type { Place } from "../batch/batch.ts";
import type { Batches } from "../batch/batches.ts";
import { claim, claimItems, openItems } from "./claims.ts";
import type { ItemContexts, RunMessage } from "../item/item-context.ts";
import { endItemLog } from "../item/item-log.ts";
import type { ChunkRan, OutcomeLimit } from "../item/outcome-writer.ts";
import { runChunk } from "../item/run-chunk.ts";
import type { ChunkRun } from "../item/run-chunk.ts";
import { RunStop } from "../item/run-stop.ts";
import type { TaskFunction, TaskModule } from "../tasks-module/task-module.ts";
import type { WayOut } from "../item/way-out.ts";

const NONE: ReadonlySet<number> = new Set();

interface Entry {
  readonly message: RunMessage;
  readonly args: Payload;
  readonly bytes: Buffer | undefined;
  next: Entry | undefined;
}

/** A shared value, or why it can't be had. */
type Share = { readonly value: unknown } | { readonly error: unknown };

export interface RunQueueOptions {
  readonly workerId: string;
  readonly concurrency: number;
  readonly outcomeLimit: OutcomeLimit | undefined;
  /** Errors of tasks are sent without their stacks. */
  readonly redactStacks: boolean;
  /** Absent if no task takes several items at once. */
  readonly batches: typeof Batches | undefined;
  readonly claims: Int32Array<SharedArrayBuffer>;
  /** Gives the memory of the process, in bytes, if it is to be looked at. */
  readonly residentBytes: () => number | undefined;
  /** Our own code has failed, which only something can bring about that a task did to this process. */
  readonly onBroken: (error: unknown) => void;
  /** A run has ended. */
  readonly onRunEnd: () => void;
  /** It was told to end, and nothing runs any more. */
  readonly onIdle: () => void;
}

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #module: TaskModule;
  readonly #out: WayOut;
  readonly #contexts: ItemContexts;
  /** Those that wait, oldest first. */
  #first: Entry | undefined;
  #last: Entry | undefined;
  /** What can stop a run, by its id. */
  readonly #running: Record<number, RunStop> = bare();
  #runningCount = 0;
  /** The run of which a `done` has said that it begins. */
  #announced: number | undefined;
  readonly #shares: Record<string, Share> = bare();
  readonly #batches: Batches | undefined;
  #stopping = false;

  constructor(module: TaskModule, out: WayOut, contexts: ItemContexts, options: RunQueueOptions) {
    this.#module = module;
    this.#out = out;
    this.#contexts = contexts;
    this.#options = options;
    const { batches: Loaded } = options;
    if (Loaded === undefined) return;
    this.#batches = new Loaded({
      log: (task) => contexts.batchLog(task),
      flush: () => out.flush(),
      onOpen: () => this.#startNext(),
    });
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
        this.#add({ message, args: text, bytes, next: undefined });
        return this.#startNext();
      case "abort":
        return this.#abort(message.id, message.reason);
      case "share":
        this.#shares[message.id] =
          message.memory === undefined ? readShare(text, bytes) : { value: message.memory };
        return;
      case "unshare":
        delete this.#shares[message.id];
        return;
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

  #add(entry: Entry): void {
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  #abort(id: number, reason: string): void {
    const stop = this.#running[id];
    if (stop !== undefined) return stop.stop(reason);
    if (this.#remove(id)) this.#out.send({ t: "done", id, ms: 0, retriable: 0 });
  }

  /** Takes a run out that waits. */
  #remove(id: number): boolean {
    let before: Entry | undefined;
    for (let entry = this.#first; entry !== undefined; before = entry, entry = entry.next) {
      if (entry.message.id !== id) continue;
      if (before === undefined) this.#first = entry.next;
      else before.next = entry.next;
      if (this.#last === entry) this.#last = before;
      return true;
    }
    return false;
  }

  #startNext(): void {
    for (;;) {
      const next = this.#first;
      if (next === undefined) return;
      const joined = next.message.together === true ? this.#openPlace(next.message) : undefined;
      if (joined === undefined && this.#runningCount >= this.#options.concurrency) {
        // Nothing waits for a batch that only waits for more items.
        return this.#batches?.hurry();
      }
      this.#first = next.next;
      if (this.#first === undefined) this.#last = undefined;
      const { id, slot, n } = next.message;
      if (n > 1) openItems(this.#options.claims, slot);
      if (!claim(this.#options.claims, slot, id)) {
        this.#out.send({ t: "skipped", id });
        continue;
      }
      if (id !== this.#announced) {
        // Before it may take the process down.
        this.#out.send({ t: "begun", id });
        // A batch says so of all its runs before it calls the function.
        if (joined === undefined) this.#out.flush();
      }
      const stop = new RunStop();
      this.#running[id] = stop;
      if (joined === undefined) this.#runningCount++;
      else joined.runs++;
      void this.#run(next, stop, joined);
    }
  }

  /** The place of a batch that the run may join. */
  #openPlace({ fn: task, n, skip }: RunMessage): Place | undefined {
    const fn = this.#module.tasks.get(task);
    return fn === undefined ? undefined : this.#batches?.placeFor(fn, n - (skip?.length ?? 0));
  }

  /** Never rejects. @param joined - the place of another run, of whose batch this one is a part */
  async #run({ message, args, bytes }: Entry, stop: RunStop, joined: Place | undefined): Promise<void> {
    const { id, careful } = message;
    try {
      const started = performance.now();
      const watcher = careful === true ? this.#contexts.watcher(id) : undefined;
      const chunk = this.#chunkOf(message, args, bytes, stop);
      const batches = message.together === true ? this.#batches : undefined;
      const place = batches === undefined ? undefined : (joined ?? { runs: 1 });
      const ran =
        batches === undefined || place === undefined
          ? await runChunk(chunk, watcher)
          : await batches.run(chunk, watcher, stop, place);
      // Who leaves a batch leaves the place to the others.
      const freesPlace = place === undefined || place.runs === 1;
      this.#tellDone(id, performance.now() - started, ran, freesPlace);
      // A large result is not to wait in this process until the next function lets go of it.
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

  #chunkOf(message: RunMessage, args: Payload, bytes: Buffer | undefined, stop: RunStop): ChunkRun {
    const { slot, fn: task, map: mapId, at, n, attempt, skip, reduce, trace, logs } = message;
    const { workerId: worker, redactStacks, outcomeLimit, claims } = this.#options;
    const contexts = this.#contexts;
    const { fn, shares } = this.#functionOf(message);
    const reducer = reduce === undefined ? undefined : this.#module.tasks.get(reduce);
    return {
      fn,
      reducer,
      shares,
      task,
      at,
      n,
      attempt,
      args,
      bytes,
      skip: skip === undefined ? NONE : new Set(skip),
      claim: n === 1 ? undefined : (from, to) => claimItems(claims, slot, from, to),
      outcomeLimit: message.outcomeLimit ?? outcomeLimit,
      keepStack: redactStacks ? (thrown, by) => contexts.logStack(thrown, by, mapId) : undefined,
      worker,
      stop,
      trace,
      context: (index) => contexts.make(message, index, stop),
      onItemEnd: logs === true ? endItemLog : undefined,
    };
  }

  /** Says that a run has ended, and which one begins now, if one does. */
  #tellDone(id: number, ms: number, ran: ChunkRan, freesPlace: boolean): void {
    const { retriable, text, bytes, cut, ownMs } = ran;
    const next = this.#stopping || !freesPlace ? undefined : this.#first?.message.id;
    if (freesPlace) this.#announced = next;
    const rss = this.#options.residentBytes();
    this.#out.send({ t: "done", id, ms: ran.ms ?? ms, ownMs, retriable, next, rss, cut }, text, bytes);
    // Before the next item may take the process down: the loss would be charged to this one.
    this.#out.flush();
  }

  /** The function of a run, and the shared values among its arguments. */
  #functionOf(message: RunMessage): {
    readonly fn: TaskFunction;
    readonly shares: (readonly [position: number, value: unknown])[];
  } {
    const shares: [number, unknown][] = [];
    let fn = this.#module.tasks.get(message.fn) ?? notRegistered;
    const named = message.shares;
    if (named === undefined) return { fn, shares };
    for (let i = 0; i < named.length; i++) {
      const [position, shareId] = named[i] as readonly [number, string];
      const share = this.#shares[shareId] ?? { value: undefined };
      if ("value" in share) shares[shares.length] = [position, share.value];
      else fn = () => fail(share.error);
    }
    return { fn, shares };
  }
}

/** An object without a prototype, in which only its own keys are found. */
function bare<V>(): Record<string | number, V> {
  return Object.create(null) as Record<string | number, V>;
}

function readShare(payload: Payload, bytes: Buffer | undefined): Share {
  try {
    return { value: decode(payload, { bytes }) };
  } catch (error) {
    return { error };
  }
}

function fail(error: unknown): never {
  throw error;
}

function notRegistered(): never {
  throw new Error("unreachable: the supervisor sends only registered tasks");
}
