/**
 * A model of a `mapReduce` under every kind of damage: chunks that run twice, items that fail and are tried again, lost
 * processes, a Redis that forgets, outcomes that come late and in any order. What runs the items, judges their runs, takes
 * the outcomes and folds them is the real code; the queue, the crew and Redis are a few lines here.
 *
 * Each item's result is a list of its index, and the reducer appends to its first argument and gives it back. So an item
 * that is folded twice, is lost, or is in the wrong place shows in the value.
 */

import { MapRun, ReduceSlot, singles } from "@poolmq/producer/internal";
import type { Chunk } from "@poolmq/producer/internal";
import type { ItemOutcome, JobData } from "@poolmq/shared/internal";
import { runChunk } from "@poolmq/worker/internal";
import type { RunEnd } from "@poolmq/worker/internal";
import { verdictOn } from "@poolmq/worker/local";
import { expect, test } from "vitest";

import { chunkRun } from "../../support/chunk-run.ts";
import { seededRandom } from "../../support/random.ts";

const SEEDS = 300;
const ATTEMPTS = 4;

class Model {
  readonly #random: () => number;
  readonly #items: number;
  readonly #isOrdered: boolean;
  readonly #slot: ReduceSlot<number[]>;
  readonly #run: MapRun;
  /** How often each item is still to fail. */
  readonly #toFail: number[];
  readonly #jobs: { data: JobData; attempt: number }[] = [];
  /** Chunks that have their outcome, and the outcomes that the producer has not read. */
  readonly #done = new Set<number>();
  #outcomes: { at: number; text: string; bytes: Buffer | undefined }[] = [];
  readonly #sent = new Map<number, Chunk>();

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#random = random;
    this.#items = 1 + Math.floor(random() * 40);
    this.#isOrdered = random() < 0.5;
    const mayFail = random() < 0.5;
    this.#toFail = Array.from({ length: this.#items }, () => (mayFail && random() < 0.2 ? 1 : 0));
    const initial = random() < 0.5 ? { value: [-1] } : undefined;
    this.#slot = new ReduceSlot<number[]>({ call: "mapReduce", ordered: this.#isOrdered, initial });
    const isLate = random() < 0.3;
    this.#slot.begin(
      (a: number[], b: number[]) => (isLate ? Promise.resolve(append(a, b)) : append(a, b)),
      (error) => this.#run.fail(error),
    );
    const next = (): number => 1 + Math.floor(random() * 8);
    this.#run = new MapRun(
      {
        id: "m",
        task: "t",
        call: "mapReduce",
        input: singles("mapReduce", [...this.#toFail.keys()]).source,
        length: this.#items,
        chunkSize: { next, measured: () => {}, ahead: Infinity, why: () => "" },
        window: { jobs: 100, bytes: 1e6, items: Infinity },
        job: { reduce: "append" },
        keepsUntilRead: false,
        wholeChunks: false,
        argumentLimit: undefined,
        classes: () => undefined,
        callSite: () => undefined,
      },
      this.#slot,
    );
    this.expected = [...(initial?.value ?? []), ...this.#toFail.keys()];
  }

  readonly expected: readonly number[];

  /** Runs the map to its end. */
  async value(): Promise<number[]> {
    await this.#run.start({
      enqueue: async (_run, chunks) => {
        for (const chunk of chunks) {
          this.#sent.set(chunk.at, chunk);
          this.#enqueue(chunk);
        }
      },
      drop: () => {},
      seal: async () => {},
      settledHere: () => {},
    });
    for (let step = 0; !this.#run.ended; step++) {
      if (step > 10_000) throw new Error("the map does not end");
      await this.#step(step < 200);
    }
    const value = await this.#slot.value;
    return this.#isOrdered ? value : value.toSorted((a, b) => a - b);
  }

  async #step(mayHarm: boolean): Promise<void> {
    const dice = this.#random();
    if (mayHarm && dice < 0.05) this.#forget();
    // A job that stalled, or whose acknowledgement was lost, is run by two machines.
    else if (mayHarm && dice < 0.15) {
      const job = this.#pick(this.#jobs, false);
      if (job !== undefined) this.#jobs.push(job);
    } else if (dice < 0.5) {
      const outcome = this.#pick(this.#outcomes, true);
      if (outcome === undefined) return;
      this.#run.take(outcome.at, outcome.text, { ms: 1 }, outcome.bytes);
      // A producer that reconnects reads some of them again.
      if (mayHarm && this.#random() < 0.2) this.#outcomes.push(outcome);
    } else {
      const job = this.#pick(this.#jobs, true);
      if (job === undefined) this.#reconcile();
      else await this.#work(job, mayHarm);
    }
  }

  /** Redis loses all that it has; what machines run goes on. */
  #forget(): void {
    this.#done.clear();
    this.#outcomes = [];
    this.#jobs.splice(0, Math.floor(this.#random() * this.#jobs.length));
    this.#reconcile();
  }

  /** The producer enqueues again what it misses. */
  #reconcile(): void {
    for (const at of this.#run.underWay) {
      if (this.#outcomes.some((outcome) => outcome.at === at)) continue;
      this.#done.delete(at);
      const chunk = this.#sent.get(at);
      if (chunk !== undefined) this.#enqueue(chunk);
    }
  }

  #enqueue({ at, n, args }: Chunk): void {
    this.#jobs.push({ data: { v: 2, map: "m", at, n, args, reduce: "append" }, attempt: 1 });
  }

  async #work(job: { data: JobData; attempt: number }, mayHarm: boolean): Promise<void> {
    const { data, attempt } = job;
    const end = await this.#runJob(data, attempt, mayHarm);
    const verdict = verdictOn(end, {
      data,
      attempt,
      attempts: ATTEMPTS,
      workerLossAttempts: Infinity,
      timeoutMs: undefined,
      info: (offset, pid) => ({ task: "t", index: data.at + offset, attempt, worker: "w", pid }),
    });
    if (verdict.do === "again") this.#jobs.push({ data: verdict.data, attempt });
    else if (verdict.do === "retry") this.#jobs.push({ data: verdict.data, attempt: attempt + 1 });
    else if (verdict.do === "publish" && !this.#done.has(data.at)) {
      this.#done.add(data.at);
      this.#outcomes.push({ at: data.at, text: verdict.text, bytes: verdict.bytes });
    }
  }

  async #runJob(data: JobData, attempt: number, mayHarm: boolean): Promise<RunEnd> {
    const { at, n, args, kept = [], suspect } = data;
    const reported = new Map<number, ItemOutcome>();
    const isCareful = n > 1 && (suspect !== undefined || kept.length > 0 || this.#random() < 0.2);
    const ran = await runChunk(
      chunkRun({
        fn: (index) => this.#item(index as number),
        reducer: append as (...args: unknown[]) => unknown,
        at,
        n,
        attempt,
        args,
        skip: new Set(kept.map(([offset]) => offset)),
      }),
      isCareful ? { started: () => {}, ended: (offset, told) => void reported.set(offset, told) } : undefined,
    );
    const partly = { pid: 1, outcomes: reported, running: undefined };
    if (!mayHarm || this.#random() < 0.8) return { kind: "done", ms: 1, ...ran, ...partly };
    // The process was lost on its way: what it had reported until then is known.
    const came = Math.floor(this.#random() * (reported.size + 1));
    const outcomes = new Map([...reported].slice(0, came));
    const running = isCareful ? [...reported.keys()][came] : undefined;
    const exit = { exitCode: null, signal: "SIGKILL", outOfMemory: false } as const;
    return { kind: "lost", exit, ...partly, outcomes, running };
  }

  #item(index: number): number[] | Promise<number[]> {
    if ((this.#toFail[index] ?? 0) > 0) {
      this.#toFail[index] = 0;
      throw new Error("not yet");
    }
    return this.#random() < 0.1 ? Promise.resolve([index]) : [index];
  }

  #pick<V>(from: V[], takes: boolean): V | undefined {
    const place = Math.floor(this.#random() * from.length);
    return takes ? from.splice(place, 1)[0] : from[place];
  }
}

function append(a: number[], b: number[]): number[] {
  a.push(...b);
  return a;
}

test(`each item is folded once, whatever is lost, late or twice (${SEEDS} runs)`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const model = new Model(seed);
    expect(await model.value(), `seed ${seed}`).toEqual(model.expected);
  }
});
