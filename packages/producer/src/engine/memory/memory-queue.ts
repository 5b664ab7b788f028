/**
 * The queue of a pool in memory: moves the chunks of its maps to the crew and their outcomes back. Runs are judged as on
 * a worker machine (`verdictOn`). This file does what BullMQ does there: it decides which job is next, and when a failed
 * item is tried again.
 *
 *   enqueue ──▶ waiting ──room──▶ Crew.run ──▶ verdict: publish ──▶ MapRun.take
 *                  ▲                              │ again, retry
 *                  └──────────────────────────────┘
 */

import { clearTimeout, setTimeout } from "node:timers";

import type { Backoff } from "@poolmq/shared";
import { decode, toJson } from "@poolmq/shared/internal";
import type { JobData, LogBatch, OutcomeText, Payload } from "@poolmq/shared/internal";
import type { Run, RunEnd } from "@poolmq/worker/local";

import type { Chunk } from "../../input/chunk.ts";
import { Meter } from "../../map/meter.ts";
import type { CarriedMap, Transport } from "../../map/transport.ts";
import { backoffDelayMs } from "./backoff-delay.ts";
import { FairQueue } from "./fair-queue.ts";
import type { MemoryLimits } from "./memory-limits.ts";
import { dataOf, enqueuedAtMs, infoOf, ranBy } from "./memory-job.ts";
import type { MemoryJob, WorkerPid } from "./memory-job.ts";
import type { MemoryQueueOptions } from "./memory-queue-options.ts";
import { MemoryTail } from "./memory-tail.ts";

export class MemoryQueue implements Transport {
  readonly tail: MemoryTail;
  readonly #options: MemoryQueueOptions;
  /** Maps under way, by id. */
  readonly #maps = new Map<string, CarriedMap>();
  readonly #waiting = new FairQueue<MemoryJob>();
  /** Jobs that wait for another attempt. */
  readonly #delayed = new Map<MemoryJob, NodeJS.Timeout>();
  readonly #meter = new Meter();
  /** Absent until a map has a limit. */
  #limits: MemoryLimits<MemoryJob> | undefined;
  /** Number of jobs that the crew has. */
  #taken = 0;
  #closed = false;

  constructor(options: MemoryQueueOptions) {
    this.#options = options;
    this.tail = new MemoryTail({
      crew: options.crew,
      isWaiting: () => this.#waiting.size > 0,
      again: (map, chunks) => this.#add(map, chunks, true),
    });
  }

  /** Chunks that wait for a worker or for another attempt, and those that the crew has. */
  get counts(): { readonly waiting: number; readonly active: number } {
    const limited = this.#limits?.waiting ?? 0;
    return { waiting: this.#waiting.size + this.#delayed.size + limited, active: this.#taken };
  }

  measured(): ReturnType<Meter["read"]> {
    return this.#meter.read();
  }

  /** Must be called before a map with a limit is enqueued. */
  async allowLimits(): Promise<void> {
    const { MemoryLimits: Limits } = await import("./memory-limits.ts");
    this.#limits ??= new Limits((job) => {
      if (job.map.ended) return;
      this.#waiting.putBack(job);
      this.dispatch();
    });
  }

  async enqueue(map: CarriedMap, chunks: readonly Chunk[]): Promise<void> {
    for (const chunk of chunks) this.#meter.sent(chunk);
    this.#add(map, chunks);
  }

  #add(map: CarriedMap, chunks: readonly Chunk[], isBackup = false): void {
    const { priority, taskTimeoutMs } = map.job;
    const timeoutMs = taskTimeoutMs ?? this.#options.tasks[map.task]?.timeoutMs;
    this.#maps.set(map.id, map);
    for (const chunk of chunks) {
      const data = dataOf(map, chunk, timeoutMs, isBackup);
      this.#waiting.add({ map, chunk, data, attempt: 1, priority });
    }
    this.dispatch();
  }

  /** Does nothing: the map counts its items itself, and nobody else reads it. */
  async seal(): Promise<void> {}

  /** Does nothing: only the map needs the outcome of an item that no worker saw. */
  settledHere(): void {}

  drop(map: CarriedMap): void {
    this.#maps.delete(map.id);
    this.tail.forget(map);
    this.#options.kept?.forget(map.id);
    this.#waiting.remove(map.id);
    this.#limits?.remove((job) => job.map === map);
    for (const [job, timer] of this.#delayed) {
      if (job.map === map && this.#delayed.delete(job)) clearTimeout(timer);
    }
    this.#options.crew.cancel(map.id);
  }

  setPriority(mapId: string, priority: number | undefined): void {
    this.#waiting.setPriority(mapId, priority);
  }

  /** Gives the crew as many jobs as it has room for. */
  dispatch(): void {
    while (!this.#closed && this.#taken < this.#options.crew.capacity) {
      const job = this.#waiting.next();
      if (job === undefined) return;
      if (this.tail.isSettled(job.map, job.data.at)) {
        this.#limits?.remove((other) => other === job);
        continue;
      }
      const { limit } = job.map.job;
      if (limit === undefined || this.#limits?.take(job, limit, this.#startsOf(job)) === true)
        this.#process(job);
    }
  }

  /** Stops giving jobs to the crew. */
  close(): void {
    this.#closed = true;
    this.#limits?.close();
  }

  /** Passes on the progress that a running task reported. */
  progress({ map }: Run, index: number, value: Payload): void {
    this.#maps.get(map)?.taskProgress(index, decode(value));
  }

  /** Passes on a line that a running task printed or logged. @param line - a `LogLine` as JSON */
  log({ map, attempt }: Run, index: number, pid: number, line: string): void {
    const { worker } = this.#options;
    const by: Omit<LogBatch, "lines"> = { worker, pid, attempt };
    this.#maps.get(map)?.taskLog(index, `${toJson(by).slice(0, -1)},"lines":[${line}]}`);
  }

  #process(job: MemoryJob): void {
    const { map, data, attempt, chunk } = job;
    const { at, n, args, timeoutMs, suspect } = data;
    const shares = this.#sharesOf(data);
    if (typeof shares === "string") {
      this.#givePermit(job, false);
      return this.#giveUp(job, shares);
    }
    const kept = data.kept ?? [];
    const maxItems = suspect === undefined ? this.#options.tasks[map.task]?.maxItems : undefined;
    this.#taken++;
    const trace = map.job.trace?.(at);
    const run: Run = {
      fn: map.task,
      map: map.id,
      at,
      n,
      attempt,
      args,
      bytes: chunk.bytes,
      // Each item has a time limit, or the item that causes losses is to be found, or only some items are run.
      careful:
        (n > 1 || maxItems !== undefined) &&
        (timeoutMs !== undefined || suspect !== undefined || kept.length > 0),
      skip: this.#options.rules.skippedOf(data),
      shares,
      reduce: map.job.reduce,
      trace,
      enqueuedAtMs: trace === undefined ? undefined : enqueuedAtMs(job),
      logs: map.job.logs?.() ?? false,
      timeoutMs,
      maxItems,
      onCut: this.#options.rules.mayBeCut(data, attempt) ? (items) => map.cut(at, items) : undefined,
      isBackup: data.backup === true,
    };
    const together = maxItems !== undefined;
    this.#options.crew.begin(run, (end) => {
      this.#taken--;
      this.#givePermit(job, end.kind === "unstarted");
      if (!map.ended && !this.tail.isSettled(map, at)) this.#conclude(job, end, together);
      this.dispatch();
    });
  }

  #givePermit(job: MemoryJob, unstarted: boolean): void {
    const { limit } = job.map.job;
    if (limit !== undefined) this.#limits?.give(limit, unstarted ? this.#startsOf(job) : 0);
  }

  /** A batch task is called once for all items of its chunk. */
  #startsOf({ map, data }: MemoryJob): number {
    return this.#options.tasks[map.task]?.maxItems === undefined ? data.n : 1;
  }

  #conclude(job: MemoryJob, end: RunEnd, together: boolean): void {
    const { map, chunk, attempt } = job;
    const { rules } = this.#options;
    const data = rules.afterCut(job.data, end);
    if (end.kind === "done") this.#waiting.ran(map.id, end.ownMs ?? end.ms);
    const verdict = rules.verdictOn(end, {
      data,
      attempt,
      attempts: map.job.attempts ?? this.#options.tasks[map.task]?.attempts ?? 1,
      workerLossAttempts: this.#options.workerLossAttempts,
      timeoutMs: data.timeoutMs,
      together,
      info: (offset, pid) => infoOf(job, offset, this.#by(pid)),
    });
    switch (verdict.do) {
      case "publish": {
        const ms = end.kind === "done" ? end.ms : 0;
        this.#meter.came(chunk, ms);
        const transitMs = end.kind === "done" ? end.transitMs : undefined;
        const text = map.job.keepFailed === true ? this.#keepFailed(job, verdict.text) : verdict.text;
        map.take(data.at, text, { ms, transitMs, by: ranBy(job, end, this.#options.worker) }, verdict.bytes);
        return this.tail.settled(map, data.at);
      }
      case "retry":
        return this.#retryLater({ ...job, data: verdict.data, attempt: attempt + 1 }, attempt);
      case "again":
        return this.#waiting.putBack({ ...job, data: verdict.data });
      case "drop":
        return;
      default:
        verdict satisfies never;
    }
  }

  /** Gives the outcomes, with the commands by which the caller can run the failed items once more. */
  #keepFailed({ map, data, chunk }: MemoryJob, text: OutcomeText): OutcomeText {
    const shares = this.#sharesOf(data);
    const { kept } = this.#options;
    if (kept === undefined || typeof shares === "string") return text;
    return kept.keep({ ...data, task: map.task, bytes: chunk.bytes, shares }, text);
  }

  #retryLater(job: MemoryJob, failedAttempt: number): void {
    const { map } = job;
    const backoff: Backoff | undefined = map.job.backoff ?? this.#options.tasks[map.task]?.backoff;
    const timer = setTimeout(
      () => {
        this.#delayed.delete(job);
        this.#waiting.add(job);
        this.dispatch();
      },
      backoff === undefined ? 0 : backoffDelayMs(backoff, failedAttempt),
    );
    this.#delayed.set(job, timer);
  }

  /** The shared values among the job's arguments; the id of one that is gone. */
  #sharesOf({ shares }: JobData): Run["shares"] | string {
    if (shares === undefined) return [];
    const found: Run["shares"][number][] = [];
    for (const [position, id] of shares) {
      const value = this.#options.shares.get(id);
      if (value === undefined) return id;
      found.push({ position, id, ...value });
    }
    return found;
  }

  /** Fails a job that uses a value that another pool has shared. */
  #giveUp(job: MemoryJob, shareId: string): void {
    const { map, data } = job;
    const failure = { code: "SHARED_VALUE_GONE", shareId } as const;
    const outcomes = Array.from({ length: data.n }, (_, offset) => {
      return { s: "failed", failure, by: infoOf(job, offset, this.#by(0)) };
    });
    map.take(data.at, `!${toJson(outcomes)}`, { ms: 0 });
  }

  /** Names the worker in errors. @param pid - of the host, where each is a process of its own */
  #by(pid: number): WorkerPid {
    const { worker, pid: ownPid } = this.#options;
    return { worker, pid: ownPid ?? pid };
  }
}
