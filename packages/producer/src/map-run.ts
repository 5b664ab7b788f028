/**
 * One map while it runs: reads the input, keeps a window of it under way, takes the outcomes, and tells its sink what
 * became of each item. It knows nothing of Redis: a `Transport` moves chunks out and outcomes in.
 *
 *   input ──read──▶ encode ──chunks──▶ transport ──▶ workers
 *                     │                                 │
 *   sink ◀──settle────┴─────◀── decode ◀──outcomes──────┘
 *
 * States:
 * - `running`: from `start()` on, reads input while the window has room. Leaves to `ended`.
 * - `ended`: every item has its outcome, or the map failed as a whole, or it was cancelled. Nothing more is told.
 */

import { attachRemote, decode, decodeThrown, encode, failureError } from "@poolmq/shared/internal";
import type { ItemOutcome, OutcomeText, Payload } from "@poolmq/shared/internal";
import { DecodeError } from "@poolmq/shared";

/** Consecutive items that travel as one job. */
export interface Chunk {
  /** Index of the first item. */
  readonly at: number;
  readonly n: number;
  /** The argument tuples, encoded. */
  readonly args: Payload;
}

/** Moves chunks to the workers and outcomes back. */
export interface Transport {
  /** Resolves once the chunks are under way. Rejects if they never will be. */
  enqueue(run: MapRun, chunks: readonly Chunk[]): Promise<void>;
  /** The map has ended: forget it, and what of it is still under way. */
  drop(run: MapRun): void;
}

/** Is told what becomes of the items, each exactly once, in the order in which they finish. */
export interface Sink {
  succeeded(index: number, value: unknown): void;
  failed(index: number, error: unknown): void;
  /** The last call: every one of `total` items was settled, or `error` says why there are no more. */
  ended(end: { readonly total: number } | { readonly error: unknown }): void;
}

export interface MapRunOptions {
  readonly id: string;
  readonly task: string;
  /** The argument tuples. */
  readonly input: Iterator<readonly unknown[]> | AsyncIterator<readonly unknown[]>;
  readonly chunksize: number;
  /** How many items may be under way at a time. */
  readonly window: number;
}

/** So many jobs go to Redis in one pipeline: beyond this it saves little, and the event loop gets its turn. */
const MAX_BATCH = 500;

/** A failed decode must not be repeated for ever by asking for the outcome again, so it becomes the items' error. */
const UNDECIDED = Symbol("undecided");

export class MapRun {
  readonly id: string;
  readonly task: string;
  readonly #options: MapRunOptions;
  #transport: Transport | undefined;
  readonly #sink: Sink;
  /** Chunks under way, by the index of their first item. */
  readonly #underWay = new Map<number, Chunk>();
  /** Set while an async input keeps us waiting. */
  #pendingRead: Promise<IteratorResult<readonly unknown[]>> | undefined;
  #next = 0;
  #settled = 0;
  #failures = 0;
  #itemsUnderWay = 0;
  #inputEnd: { readonly error: unknown } | "done" | undefined;
  #state: "running" | "ended" = "running";
  #room = Promise.withResolvers<void>();

  constructor(options: MapRunOptions, sink: Sink) {
    this.id = options.id;
    this.task = options.task;
    this.#options = options;
    this.#sink = sink;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** First indices of the chunks under way. */
  get underWay(): number[] {
    return [...this.#underWay.keys()];
  }

  get progress(): { total: number | undefined; done: number; failed: number } {
    return {
      total: this.#inputEnd === undefined ? undefined : this.#next,
      done: this.#settled,
      failed: this.#failures,
    };
  }

  /** The chunks among `indices` that are still under way. */
  chunks(indices: readonly number[]): Chunk[] {
    return indices.flatMap((index) => this.#underWay.get(index) ?? []);
  }

  /** Reads the input to its end, as fast as the window allows. Never rejects. */
  async start(transport: Transport): Promise<void> {
    this.#transport = transport;
    try {
      while (this.#state === "running" && this.#inputEnd === undefined) {
        if (this.#itemsUnderWay >= this.#options.window) {
          this.#room = Promise.withResolvers();
          await this.#room.promise;
          continue;
        }
        const chunks = this.#toChunks(await this.#read());
        if (chunks.length > 0) await transport.enqueue(this, chunks);
      }
      this.#endIfSettled();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the map as a whole: what was settled stays settled, nothing more comes. */
  fail(error: unknown): void {
    this.#end({ error });
  }

  /** Takes the outcome of the chunk that starts at `at`. A second outcome of a chunk is not looked at. */
  take(at: number, text: OutcomeText): void {
    const chunk = this.#underWay.get(at);
    if (chunk === undefined || this.#state === "ended") return;
    this.#underWay.delete(at);
    this.#itemsUnderWay -= chunk.n;
    const results = readOutcomes(chunk, text);
    for (const [offset, result] of results.entries()) this.#settle(at + offset, result);
    if (this.#itemsUnderWay < this.#options.window) this.#room.resolve();
    this.#endIfSettled();
  }

  #settle(index: number, result: Settled): void {
    this.#settled++;
    if (result.ok) {
      this.#sink.succeeded(index, result.value);
    } else {
      this.#failures++;
      this.#sink.failed(index, result.error);
    }
  }

  #endIfSettled(): void {
    if (this.#inputEnd === undefined || this.#settled < this.#next) return;
    this.#end(this.#inputEnd === "done" ? { total: this.#next } : this.#inputEnd);
  }

  #end(end: { readonly total: number } | { readonly error: unknown }): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#room.resolve();
    if (this.#inputEnd === undefined) void this.#closeInput();
    this.#transport?.drop(this);
    this.#underWay.clear();
    this.#sink.ended(end);
  }

  /** An input that was not read to its end is told so, as `for … of` does. */
  async #closeInput(): Promise<void> {
    try {
      await this.#options.input.return?.();
    } catch {
      // The map has ended with an error of its own; that one is told.
    }
  }

  /** Reads the next tuples: as many as there is room for, but it does not wait for a slow input with some in hand. */
  async #read(): Promise<(readonly unknown[])[]> {
    const { input, window, chunksize } = this.#options;
    const most = Math.min(window - this.#itemsUnderWay, MAX_BATCH * chunksize);
    const tuples: (readonly unknown[])[] = [];
    try {
      while (tuples.length < most) {
        let result: IteratorResult<readonly unknown[]> | typeof UNDECIDED;
        const next = this.#pendingRead ?? input.next();
        if (next instanceof Promise) {
          this.#pendingRead = next;
          result = await (tuples.length === 0 ? next : Promise.race([next, nextTurn()]));
          if (result === UNDECIDED) break;
          this.#pendingRead = undefined;
        } else {
          result = next;
        }
        if (result.done === true) {
          this.#inputEnd = "done";
          break;
        }
        tuples.push(result.value);
      }
    } catch (error) {
      // The items before it are still run; then the map fails with this very error.
      this.#inputEnd = { error };
    }
    return tuples;
  }

  #toChunks(tuples: readonly (readonly unknown[])[]): Chunk[] {
    const { chunksize } = this.#options;
    const chunks: Chunk[] = [];
    for (let start = 0; start < tuples.length; start += chunksize) {
      this.#encode(tuples.slice(start, start + chunksize), chunks);
    }
    for (const chunk of chunks) {
      this.#underWay.set(chunk.at, chunk);
      this.#itemsUnderWay += chunk.n;
    }
    return chunks;
  }

  #encode(tuples: readonly (readonly unknown[])[], chunks: Chunk[]): void {
    const at = this.#next;
    try {
      const args = encode(tuples, { role: "argument" });
      this.#next += tuples.length;
      chunks.push({ at, n: tuples.length, args });
    } catch (error) {
      if (tuples.length > 1) {
        // Item by item, so that only the one that can't be sent fails.
        for (const tuple of tuples) this.#encode([tuple], chunks);
        return;
      }
      this.#next++;
      this.#settle(at, { ok: false, error: this.#encodeError(tuples[0] ?? [], error) });
    }
  }

  /** The same error with the path as the caller sees it: within the tuple, not within the chunk. */
  #encodeError(tuple: readonly unknown[], error: unknown): unknown {
    try {
      encode(tuple.length === 1 ? tuple[0] : tuple, { role: "argument" });
    } catch (better) {
      return better;
    }
    return error;
  }
}

type Settled =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

function readOutcomes(chunk: Chunk, text: OutcomeText): Settled[] {
  try {
    if (text.startsWith("=")) {
      const values = decode(text.slice(1));
      if (Array.isArray(values) && values.length === chunk.n)
        return values.map((value: unknown) => ({ ok: true, value }));
    } else if (text.startsWith("!")) {
      const outcomes = JSON.parse(text.slice(1)) as ItemOutcome[];
      if (Array.isArray(outcomes) && outcomes.length === chunk.n) return outcomes.map(readOutcome);
    }
    throw new DecodeError(`Expected the outcome of ${chunk.n} items, got something else`);
  } catch (cause) {
    const error = new DecodeError(
      `The outcome of item ${chunk.at} can't be read: something else writes to this queue's keys`,
      {
        cause,
      },
    );
    return Array.from({ length: chunk.n }, () => ({ ok: false, error }));
  }
}

function readOutcome(outcome: ItemOutcome): Settled {
  switch (outcome.s) {
    case "ok":
      return { ok: true, value: decode(outcome.value) };
    case "threw": {
      const error = decodeThrown(outcome.thrown);
      attachRemote(error, outcome.by);
      return { ok: false, error };
    }
    case "failed":
      return { ok: false, error: failureError(outcome.failure, outcome.by) };
    default:
      outcome satisfies never;
      throw new DecodeError("Expected an item outcome, got something else");
  }
}

function nextTurn(): Promise<typeof UNDECIDED> {
  return new Promise((resolve) => setImmediate(resolve, UNDECIDED));
}
