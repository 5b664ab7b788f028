/**
 * Moves the chunks of a `ThreadPool`'s maps to its threads and their outcomes back. The rules are those of a worker
 * machine (`verdictOn`); here is what BullMQ does there: who is next, and when a failed item is tried again.
 *
 *   enqueue ──▶ waiting ──room──▶ Threads.run ──▶ verdict: publish ──▶ MapRun.take
 *                  ▲                                 │ again, retry
 *                  └─────────────────────────────────┘
 */

import { decode, WIRE_VERSION } from "@poolmq/shared/internal";
import type { Backoff } from "@poolmq/shared";
import type { JobData, LogBatch, LogLine, RemoteInfo, TaskInfo } from "@poolmq/shared/internal";
import type { verdictOn } from "@poolmq/worker/internal";

import { backoffDelayMs } from "../engine/backoff-delay.ts";
import type { Chunk } from "../map/chunk.ts";
import type { MapRun } from "../map/map-run.ts";
import type { RunFacts, Transport } from "../map/transport.ts";
import { Meter } from "../map/meter.ts";
import type { ThreadShare } from "./thread-messages.ts";
import type { RunRequest } from "./thread-run.ts";
import type { ThreadRan, Threads } from "./threads.ts";
import { WaitingJobs } from "../engine/waiting-jobs.ts";

/** A chunk on its way. */
interface ThreadJob {
  readonly map: MapRun;
  readonly chunk: Chunk;
  readonly data: JobData;
  readonly attempt: number;
  readonly priority: number | undefined;
}

export interface ThreadTransportOptions {
  readonly worker: string;
  readonly workerLossAttempts: number;
  readonly verdictOn: typeof verdictOn;
}

export class ThreadTransport implements Transport {
  readonly #options: ThreadTransportOptions;
  readonly #threads: Threads;
  readonly #tasks: Readonly<Record<string, TaskInfo>>;
  /** Payloads of shared values, by id. */
  readonly #shares: ReadonlyMap<string, SharedArrayBuffer>;
  /** Maps under way, by id. */
  readonly #maps = new Map<string, MapRun>();
  readonly #waiting = new WaitingJobs<ThreadJob>();
  /** Jobs that wait for another attempt. */
  readonly #delayed = new Map<ThreadJob, NodeJS.Timeout>();
  readonly #meter = new Meter();

  constructor(
    threads: Threads,
    tasks: Readonly<Record<string, TaskInfo>>,
    shares: ReadonlyMap<string, SharedArrayBuffer>,
    options: ThreadTransportOptions,
  ) {
    this.#threads = threads;
    this.#tasks = tasks;
    this.#shares = shares;
    this.#options = options;
    threads.onRoom = () => this.#dispatch();
    threads.onLog = (...args) => this.#passLog(...args);
    threads.onProgress = (mapId, index, value) => this.#maps.get(mapId)?.taskProgress(index, decode(value));
  }

  #passLog({ map, attempt }: RunRequest, index: number, pid: number, line: LogLine): void {
    const batch: LogBatch = { worker: this.#options.worker, pid, attempt, lines: [line] };
    this.#maps.get(map)?.taskLog(index, JSON.stringify(batch));
  }

  /** Chunks that wait for a thread or for another attempt. */
  get waiting(): number {
    return this.#waiting.size + this.#delayed.size;
  }

  measured(): ReturnType<Meter["read"]> {
    return this.#meter.read();
  }

  async enqueue(map: MapRun, chunks: readonly Chunk[]): Promise<void> {
    const { priority, taskTimeoutMs } = map.job;
    const timeoutMs = taskTimeoutMs ?? this.#tasks[map.task]?.timeoutMs;
    this.#maps.set(map.id, map);
    for (const chunk of chunks) {
      const { at, n, args, shares } = chunk;
      const data: JobData = {
        v: WIRE_VERSION,
        map: map.id,
        at,
        n,
        args,
        ttlMs: 0,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(shares.length === 0 ? {} : { shares }),
      };
      this.#meter.sent(chunk);
      this.#waiting.add({ map, chunk, data, attempt: 1, priority });
    }
    this.#dispatch();
  }

  /** Nobody else wants to know how many there are. */
  async seal(): Promise<void> {}

  /** Nor what became of those that no thread saw. */
  settledHere(): void {}

  drop(map: MapRun): void {
    this.#maps.delete(map.id);
    this.#waiting.remove((job) => job.map === map);
    for (const [job, timer] of this.#delayed) {
      if (job.map !== map) continue;
      clearTimeout(timer);
      this.#delayed.delete(job);
    }
    this.#threads.cancel(map.id);
  }

  /** Gives the threads what they have room for. */
  #dispatch(): void {
    while (this.#threads.hasRoom) {
      const job = this.#waiting.next();
      if (job === undefined) return;
      void this.#process(job);
    }
  }

  /** Never rejects. */
  async #process(job: ThreadJob): Promise<void> {
    const { map, data, attempt } = job;
    const { at, n, args, timeoutMs, suspect } = data;
    const shares = this.#sharesOf(data);
    if (typeof shares === "string") return this.#giveUp(job, shares);
    const kept = data.kept ?? [];
    const ran = await this.#threads.run({
      fn: map.task,
      map: map.id,
      at,
      n,
      attempt,
      args,
      bytes: job.chunk.bytes,
      // Where each item needs a clock, or a culprit is looked for, or only some are run.
      careful: n > 1 && (timeoutMs !== undefined || suspect !== undefined || kept.length > 0),
      skip: kept.map(([offset]) => offset),
      shares,
      trace: map.job.trace?.(at),
      logs: map.job.logs?.() ?? false,
      timeoutMs,
    });
    if (!map.ended) this.#conclude(job, ran);
  }

  #conclude(job: ThreadJob, ran: ThreadRan): void {
    const { map, chunk, data, attempt } = job;
    const { end } = ran;
    const verdict = this.#options.verdictOn(end, {
      data,
      attempt,
      attempts: map.job.attempts ?? this.#tasks[map.task]?.attempts ?? 1,
      workerLossAttempts: this.#options.workerLossAttempts,
      timeoutMs: data.timeoutMs,
      info: (offset) => this.#info(job, offset),
    });
    switch (verdict.do) {
      case "publish": {
        const ms = end.kind === "done" ? end.ms : 0;
        this.#meter.came(chunk, ms);
        return map.take(data.at, verdict.text, { ms, ...this.#factsOf(job, ran) }, verdict.bytes);
      }
      case "retry":
        return this.#retryLater({ ...job, data: verdict.data, attempt: attempt + 1 }, attempt);
      case "again":
        this.#waiting.putBack({ ...job, data: verdict.data });
        return this.#dispatch();
      case "drop":
        return;
      default:
        verdict satisfies never;
    }
  }

  #retryLater(job: ThreadJob, failedAttempt: number): void {
    const { map } = job;
    const backoff: Backoff | undefined = map.job.backoff ?? this.#tasks[map.task]?.backoff;
    const timer = setTimeout(
      () => {
        this.#delayed.delete(job);
        this.#waiting.add(job);
        this.#dispatch();
      },
      backoff === undefined ? 0 : backoffDelayMs(backoff, failedAttempt),
    );
    this.#delayed.set(job, timer);
  }

  /** The shared values among the job's arguments; the id of one that is gone. */
  #sharesOf({ shares = [] }: JobData): ThreadShare[] | string {
    const found: ThreadShare[] = [];
    for (const [position, id] of shares) {
      const bytes = this.#shares.get(id);
      if (bytes === undefined) return id;
      found.push({ position, id, bytes });
    }
    return found;
  }

  /** It uses a value that another pool has shared. */
  #giveUp(job: ThreadJob, shareId: string): void {
    const { map, data } = job;
    const failure = { code: "SHARED_VALUE_GONE", shareId } as const;
    const outcomes = Array.from({ length: data.n }, (_, offset) => {
      return { s: "failed", failure, by: this.#info(job, offset) };
    });
    map.take(data.at, `!${JSON.stringify(outcomes)}`, { ms: 0 });
  }

  #factsOf({ data, attempt }: ThreadJob, { end, thread, transitMs }: ThreadRan): Omit<RunFacts, "ms"> {
    if (thread === undefined) return {};
    const losses = (data.suspect?.losses ?? 0) + (end.kind === "lost" ? 1 : 0);
    return { by: `${this.#options.worker} ${thread} ${attempt} ${losses}`, transitMs };
  }

  #info({ map, data, attempt }: ThreadJob, offset: number): RemoteInfo {
    const { worker } = this.#options;
    return { task: map.task, index: data.at + offset, attempt, worker, pid: process.pid };
  }
}
