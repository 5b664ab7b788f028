/**
 * A worker machine: one supervisor over one child process per core. The supervisor never runs user code, so nothing
 * a task does can keep it from renewing locks, watching clocks and replacing dead children.
 *
 *   Redis ──fetch──▶ process() ──▶ Crew ──pipe──▶ child × processes
 *     ▲                 │
 *     └─publish, then ack┘
 *
 * States:
 * - `starting`: children load the module, Redis is reached. Leaves to `running`, or to `stopped` if either fails.
 * - `running`: fetches and runs jobs. Leaves to `draining` with `close()`.
 * - `draining`: takes nothing new, finishes what runs, hands back what only waited. Leaves to `stopped`.
 * - `stopped`: no child, no connection.
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { basename } from "node:path";

import { DelayedError, WaitingError } from "bullmq";
import type { Job } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { pino } from "pino";
import type { Logger } from "pino";

import {
  CancelReader,
  checkServer,
  connect,
  destroyConnection,
  GatherScripts,
  jobIdOf,
  MAP_TTL_MS,
  queueKeys,
  WIRE_VERSION,
  within,
} from "@poolmq/shared/internal";
import type {
  FailedJob,
  Failure,
  ItemOutcome,
  JobData,
  OutcomeText,
  QueueKeys,
  RemoteInfo,
  TaskInfo,
  WorkerAdvertisement,
  WorkerDetail,
} from "@poolmq/shared/internal";

import { childEnvironment } from "../crew/child-environment.ts";
import { Crew } from "../crew/crew.ts";
import { TasksModuleError } from "@poolmq/shared";
import { ContainerMemory } from "../crew/container-memory.ts";
import { JobQueue, readJobData } from "../queue/job-queue.ts";
import type { QueuedJob } from "../queue/job-queue.ts";
import { failedJob } from "../job/failed-job.ts";
import { Locks } from "../queue/locks.ts";
import type { MachineSnapshot, MachineState, WorkObserver } from "./machine-status.ts";
import { mendJobs } from "../queue/mend-jobs.ts";
import { Publisher } from "../job/publisher.ts";
import type { RunEnd, SharedArgument } from "../crew/run.ts";
import { Seals } from "../job/seals.ts";
import { SharedValues } from "../job/shared-values.ts";
import { TaskOutput } from "../output/task-output.ts";
import type { PrintTarget } from "../output/task-output.ts";
import { TaskWords } from "../job/task-reports.ts";
import { UnwantedMaps } from "../job/unwanted-maps.ts";
import { outcomesOf, verdictOn } from "../job/verdict.ts";
import { ranBy } from "../job/ran-by.ts";
import { traceOf } from "../job/trace-of.ts";
import { VERSION } from "../version.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";

const NEXT_STATES: Readonly<Record<MachineState, readonly MachineState[]>> = {
  starting: ["running", "stopped"],
  running: ["draining"],
  draining: ["stopped"],
  stopped: [],
};

/** Often enough that a machine missing for `WORKER_TTL_MS` has missed several. */
const HEARTBEAT_MS = 1_000;

/** How long a machine that can't serve tries to tell why. */
const UNFIT_TIMEOUT_MS = 2_000;

/** Steps of a shutdown that Redis must answer, and that are not worth waiting for if it does not. */
const SIGN_OFF_TIMEOUT_MS = 500;
const HAND_BACK_TIMEOUT_MS = 500;

/** How long a child may take to run its finalizer once the deadline has passed. */
const CLOSE_GRACE_MS = 200;

/** A job whose function is registered elsewhere is looked at again after this long. */
const HAND_ON_DELAY_MS = 100;

/**
 * A job that was on this many machines when they vanished is given up: it may be what ends them. Higher than
 * `workerLossAttempts`, because a dead machine does not say which of its items did it.
 */
const MACHINE_LOSS_ATTEMPTS = 10;

/** BullMQ's own limit fails a job without an outcome. Ours, above, is reached long before. */
const NO_STALL_LIMIT = 1_000_000;

export class Supervisor {
  readonly id: string = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  readonly #options: ResolvedWorkerOptions;
  readonly #log: Logger;
  readonly #keys: QueueKeys;
  readonly #seals: Seals;
  readonly #crew: Crew;
  readonly #closed = Promise.withResolvers<void>();
  #state: MachineState = "starting";
  #redis: Redis | Cluster | undefined;
  #control: Redis | Cluster | undefined;
  #scripts: GatherScripts | undefined;
  #publisher: Publisher | undefined;
  #words: TaskWords | undefined;
  #locks: Locks | undefined;
  #queue: JobQueue | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #shared: SharedValues | undefined;
  #tasks: Readonly<Record<string, TaskInfo>> = {};
  /** Maps whose outcomes nobody wanted when we last looked. */
  readonly #unwanted = new UnwantedMaps();
  #cancels: CancelReader | undefined;
  #observer: WorkObserver | undefined;
  #closing: Promise<void> | undefined;
  /** Somebody wants to see what runs here. */
  #watched = false;
  /** Number of ready children that was advertised last. */
  #advertised = 0;
  /** Resolves once Redis was reached and checked. */
  readonly #reached = Promise.withResolvers<void>();
  /** Resolves once the machine takes nothing new. */
  readonly #draining = Promise.withResolvers<void>();

  /** @param tasks - where what tasks print goes, and what they log, if not to the machine's own log */
  constructor(
    options: ResolvedWorkerOptions,
    tasks: { readonly prints: PrintTarget; readonly logger?: Logger },
  ) {
    this.#options = options;
    this.#log = (options.logger ?? pino({ level: "silent" })).child({ worker: this.id });
    this.#keys = queueKeys(options.queue, options.prefix);
    this.#seals = new Seals(options.signingKeys?.signer(this.#keys), this.#log);
    const memory = new ContainerMemory();
    const env = childEnvironment(this.id, options.env);
    this.#crew = new Crew(
      {
        module: options.module,
        workerId: this.id,
        processes: options.processes,
        concurrency: options.concurrency,
        maxOutcomeBytes: options.maxOutcomeBytes,
        redactRemoteStacks: options.redactRemoteStacks,
        env,
        memory,
        heapFlags: memory.heapFlags(options.processes, env["NODE_OPTIONS"]),
        killGraceMs: options.killGraceMs,
        startTimeoutMs: options.startTimeoutMs,
        maxTasksPerChild: options.maxTasksPerChild,
        maxMemoryPerChildMb: options.maxMemoryPerChildMb,
        output: new TaskOutput(tasks.logger ?? this.#log, tasks.prints),
        onChange: () => this.#onChange(),
        onProgress: (...args) => this.#words?.progress(...args),
        onLog: ({ map, attempt }, index, pid, line) =>
          this.#words?.log(map, index, { worker: this.id, pid, attempt }, line),
      },
      this.#log,
    );
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Registered functions by name. Empty before `start()` resolved. */
  get tasks(): Readonly<Record<string, TaskInfo>> {
    return this.#tasks;
  }

  /** Process ids of the living children. */
  get pids(): readonly number[] {
    return this.#crew.pids;
  }

  /** How the machine is doing at this moment. */
  get snapshot(): MachineSnapshot {
    const { pids, ready, jobs, losses } = this.#crew;
    return {
      state: this.#state,
      processes: this.#options.processes,
      childrenReady: ready,
      childrenStarting: pids.length - ready,
      jobsWaiting: jobs.waiting,
      jobsRunning: jobs.running,
      childLosses: losses,
      publishRetries: this.#publisher?.retries ?? 0,
      locksLost: this.#locks?.lost ?? 0,
    };
  }

  /** Asks Redis for a sign of life. Rejects, or waits as long as Redis does not answer. */
  async ping(): Promise<void> {
    if (this.#redis === undefined) throw new Error("not connected yet");
    await this.#redis.ping();
  }

  /** Tells of each job from now on. */
  observe(observer: WorkObserver): void {
    this.#observer = observer;
  }

  /** Resolves when the machine has stopped, whoever stopped it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Loads the module in the children, reaches Redis and begins to take jobs.
   *
   * @throws TasksModuleError, RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
   */
  async start(): Promise<void> {
    try {
      // Side by side: a child takes as long to start as a connection to be checked.
      const [tasks, redis] = await Promise.all([this.#crew.start(), this.#connect()]);
      if (this.#state !== "starting") return; // closed meanwhile
      this.#tasks = tasks;
      await this.#serve(redis);
      this.#setState("running");
      // Children may have become ready in between.
      this.#onChange();
      this.#log.info(
        { tasks: Object.keys(tasks), processes: this.#options.processes },
        "worker machine ready",
      );
    } catch (error) {
      if (error instanceof TasksModuleError) await this.#tellUnfit(error);
      await this.#abandon();
      throw error;
    }
  }

  /**
   * Stops: takes nothing new, finishes what runs, hands back what only waited; after `timeoutMs` kills what is left.
   * May be called twice, and before `start()`.
   */
  close(timeoutMs: number = this.#options.shutdownTimeoutMs): Promise<void> {
    // `stopped` already: the start failed.
    this.#closing ??= this.#state === "running" ? this.#drain(timeoutMs) : this.#abandon();
    return this.#closing;
  }

  /** Stops at once: kills the children and hands back what they ran, uncharged; other machines take over. */
  kill(): void {
    this.#crew.kill();
    this.close(0).catch(() => {}); // who waits for the end asks `close()` or `closed`
  }

  #setState(next: MachineState): void {
    if (!NEXT_STATES[this.#state].includes(next))
      throw new Error(`Illegal transition: ${this.#state} → ${next}`);
    this.#log.info({ from: this.#state, to: next }, "worker machine state");
    this.#state = next;
  }

  async #connect(): Promise<Redis | Cluster> {
    const { connection: resolved, connectTimeoutMs } = this.#options;
    this.#redis = await connect(resolved, { role: "commands", name: this.id, connectTimeoutMs });
    this.#watch(this.#redis, resolved.address);
    await checkServer(this.#redis, resolved.address);
    this.#reached.resolve();
    this.#control = await connect(resolved, {
      role: "blocking",
      name: `${this.id}-control`,
      connectTimeoutMs,
    });
    return this.#redis;
  }

  /** Says once that Redis is gone, and once that it is back. */
  #watch(redis: Redis | Cluster, address: string): void {
    let lostAt: number | undefined;
    redis.on("close", () => {
      if (lostAt !== undefined || this.#state !== "running") return;
      lostAt = performance.now();
      this.#log.warn({ redis: address }, "Redis connection lost, trying again until it is back");
    });
    redis.on("ready", () => {
      if (lostAt === undefined) return;
      this.#log.info(
        { redis: address, awayMs: Math.round(performance.now() - lostAt) },
        "Redis connection is back",
      );
      lostAt = undefined;
    });
  }

  async #serve(redis: Redis | Cluster): Promise<void> {
    const { lockDurationMs, stalledIntervalMs } = this.#options;
    const scripts = (this.#scripts = new GatherScripts(redis, this.#keys));
    this.#publisher = new Publisher(scripts, this.#log);
    this.#words = new TaskWords(scripts, this.#seals);
    this.#shared = new SharedValues(
      async (id) => this.#seals.share(id, await redis.getBuffer(this.#keys.share(id))),
      (id) => this.#crew.unshare(id),
    );
    const queue = (this.#queue = new JobQueue(
      redis,
      this.#keys.bullName,
      {
        process: async (job, token) => {
          await this.#process(job, token);
          return null;
        },
        settled: (job, token) => this.#locks?.release(job.id ?? "", token),
      },
      {
        prefix: this.#keys.bullPrefix,
        name: this.id,
        concurrency: this.#crew.capacity,
        lockDuration: lockDurationMs,
        stalledInterval: stalledIntervalMs,
        maxStalledCount: NO_STALL_LIMIT,
        skipLockRenewal: true,
        runRetryDelay: 500,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    ));
    queue.on("error", (error) => {
      this.#log.warn({ err: error }, "queue error");
      // Of BullMQ's own parsing, or of the loops over what it parsed.
      if (error instanceof SyntaxError || error instanceof TypeError) void this.#mend(redis);
    });
    this.#locks = new Locks((...args) => queue.extendJobLocks(...args), lockDurationMs, this.#log);
    await this.#listen();
    await this.#beat();
    this.#cancels = new CancelReader(redis, this.#keys);
    this.#heartbeat = setInterval(() => {
      void this.#beat();
      this.#catchUp().catch(() => {}); // the heartbeat tells of a Redis that refuses
    }, HEARTBEAT_MS);
    await this.#catchUp();
  }

  async #mend(redis: Redis | Cluster): Promise<void> {
    try {
      const jobs = await mendJobs(redis, this.#keys);
      if (jobs.length > 0)
        this.#log.error({ jobs }, "damaged jobs mended: they run once their locks have expired");
    } catch (error) {
      this.#log.warn({ err: error }, "damaged jobs not mended");
    }
  }

  async #listen(): Promise<void> {
    this.#control?.on("message", (_channel: string, text: string) => this.#onControl(text));
    await this.#control?.subscribe(this.#keys.control);
  }

  #onControl(text: string): void {
    let message: {
      readonly t?: unknown;
      readonly map?: unknown;
      readonly shares?: unknown;
      readonly expiresAt?: unknown;
      readonly sig?: unknown;
    } | null;
    try {
      message = JSON.parse(text) as typeof message;
    } catch {
      return; // not ours; anyone may publish
    }
    if (message === null || typeof message !== "object") return;
    if (message.t === "watch") this.#onWatch();
    // Whoever watches needs no key; what follows stops work.
    else if (this.#seals.obeys(message)) this.#obey(message);
  }

  #onWatch(): void {
    if (this.#watched || this.#state !== "running") return;
    this.#watched = true;
    void this.#beat();
  }

  #obey(message: { readonly t?: unknown; readonly map?: unknown; readonly shares?: unknown }): void {
    if (message.t === "cancel" && typeof message.map === "string") {
      this.#cancel(message.map);
    }
    if (message.t === "unshare" && Array.isArray(message.shares)) {
      for (const id of message.shares as readonly unknown[]) this.#shared?.forget(String(id));
    }
  }

  #cancel(mapId: string): void {
    this.#unwanted.add(mapId);
    this.#crew.cancel(mapId);
  }

  /** Learns of the cancels that were told while this machine was cut off. */
  async #catchUp(): Promise<void> {
    for (const mapId of (await this.#cancels?.read()) ?? []) {
      if (this.#unwanted.has(mapId)) continue;
      // Somebody may have begun a map of the same id since.
      if ((await this.#scripts?.wanted(mapId)) === false) this.#cancel(mapId);
    }
  }

  #onChange(): void {
    if (this.#queue !== undefined) this.#queue.concurrency = this.#crew.capacity;
    if (this.#crew.ready === this.#advertised || this.#state !== "running") return;
    void this.#beat();
  }

  /** Producers that wait for a worker learn why there is none. */
  async #tellUnfit(error: TasksModuleError): Promise<void> {
    const told = async (): Promise<void> => {
      await this.#reached.promise;
      if (this.#redis === undefined) return;
      this.#scripts ??= new GatherScripts(this.#redis, this.#keys);
      await this.#beat(error);
    };
    await within(UNFIT_TIMEOUT_MS, told());
  }

  async #beat(failure: TasksModuleError | undefined = this.#crew.startFailure): Promise<void> {
    this.#advertised = this.#crew.ready;
    const advertisement: WorkerAdvertisement = {
      v: WIRE_VERSION,
      id: this.id,
      host: hostname(),
      pid: process.pid,
      processes: this.#crew.ready,
      concurrency: this.#options.concurrency,
      tasks: this.#tasks,
      ...(failure === undefined
        ? {}
        : {
            unfit: {
              module: this.#options.redactRemoteStacks ? basename(failure.module) : failure.module,
              phase: failure.phase,
              // It is the loader's, and full of paths.
              reason: this.#options.redactRemoteStacks ? "the reason is in its log" : failure.reason,
            },
          }),
      version: VERSION,
      node: process.versions.node,
    };
    try {
      const detail = this.#watched ? JSON.stringify(this.#detail()) : "";
      const text = JSON.stringify(this.#seals.advertisement(advertisement));
      this.#watched = (await this.#scripts?.advertise(this.id, text, detail)) ?? false;
    } catch (error) {
      this.#log.warn({ err: error }, "heartbeat failed");
    }
  }

  #detail(): WorkerDetail {
    const { details: children, jobs } = this.#crew;
    return { nowMs: Date.now(), waiting: jobs.waiting, children };
  }

  // ── one job, from fetched to acknowledged ──────────────────────────────────────────────────────────────────────

  /** Returning lets BullMQ complete the job: only once its outcome is in Redis, or nobody wants it. */
  async #process(job: QueuedJob, token: string): Promise<void> {
    const jobId = job.id ?? "";
    const data = readJobData(job.data);
    if (typeof data === "string") return await this.#rejectCorrupt(jobId, data);
    if (jobIdOf(data.map, data.at) !== jobId)
      return await this.#rejectCorrupt(jobId, `its data is that of ${jobIdOf(data.map, data.at)}`);
    if (!this.#seals.admits(job)) return;
    this.#locks?.hold(jobId, token);
    if (await this.#isUnwanted(data.map)) return await this.#dropBytes(data);
    const refusal = await this.#refuse(job, data, token);
    if (refusal !== undefined) return await this.#publishFailure(job, data, refusal);
    const shares = await this.#sharedArguments(data);
    if (typeof shares === "string") {
      return await this.#publishFailure(job, data, { code: "SHARED_VALUE_GONE", shareId: shares });
    }
    const bytes = data.bytes === undefined ? undefined : await this.#argumentBytes(job, data);
    if (bytes === "gone") return;
    const info = this.#tasks[job.name];
    const timeoutMs = data.timeoutMs ?? info?.timeoutMs;
    const kept = data.kept ?? [];
    const end = await this.#crew.run({
      fn: job.name,
      map: data.map,
      at: data.at,
      n: data.n,
      attempt: job.attemptsMade + 1,
      args: data.args,
      bytes,
      // Where each item needs a clock, or a culprit is looked for, or only some are run.
      careful: data.n > 1 && (timeoutMs !== undefined || data.suspect !== undefined || kept.length > 0),
      skip: kept.map(([offset]) => offset),
      shares,
      trace: traceOf(job),
      // Who is not to see where a task failed is not to see what it says either.
      logs: data.logs === true && !this.#options.redactRemoteStacks,
      timeoutMs,
    });
    await this.#conclude(job, data, token, end, timeoutMs);
  }

  async #conclude(
    job: QueuedJob,
    data: JobData,
    token: string,
    end: RunEnd,
    timeoutMs: number | undefined,
  ): Promise<void> {
    const failed = data.keepFailed === true ? failedJob(job, data) : undefined;
    this.#applyDefinition(job);
    if (end.kind === "done") this.#observer?.ran(job, end.ms);
    const verdict = verdictOn(end, {
      data,
      attempt: job.attemptsMade + 1,
      attempts: job.opts.attempts ?? 1,
      workerLossAttempts: this.#options.workerLossAttempts,
      timeoutMs,
      info: (offset, pid) => this.#info(job, data, offset, pid),
    });
    switch (verdict.do) {
      case "publish":
        return await this.#publish(job, data, verdict.text, { bytes: verdict.bytes, end, failed });
      case "retry":
        if (verdict.data !== data) await job.updateData(this.#seals.state(verdict.data));
        // The user's error stays out of it: BullMQ would obey some of them.
        throw new Error("an item failed and has attempts left");
      case "again":
        if (verdict.data !== data) await job.updateData(this.#seals.state(verdict.data));
        return await this.#handBack(job, token);
      case "drop":
        return await this.#dropBytes(data);
      default:
        verdict satisfies never;
    }
  }

  /** What the producer left open, the function's definition decides. */
  #applyDefinition(job: QueuedJob): void {
    const info = this.#tasks[job.name];
    // BullMQ would write down the stack of an error that only means "again".
    job.opts.stackTraceLimit = 0;
    // BullMQ says 0 where nothing was said.
    if ((job.opts.attempts ?? 0) === 0) job.opts.attempts = info?.attempts ?? 1;
    if (job.opts.backoff === undefined && info?.backoff !== undefined) {
      const { type, delayMs, jitter } = info.backoff;
      job.opts.backoff = { type, delay: delayMs, jitter: jitter ?? 0 };
    }
  }

  /**
   * The bytes that the job's arguments name. They are gone if its map has ended, or if another machine has published its
   * outcome; or they were lost, and then its producer, who finds it missing, enqueues it again with them.
   */
  async #argumentBytes(job: QueuedJob, data: JobData): Promise<Buffer | "gone"> {
    const bytes = await this.#scripts?.bytes(data.map, data.at);
    if (bytes === undefined || bytes === null || bytes.length !== data.bytes) {
      this.#log.info(
        { mapId: data.map, index: data.at },
        "item not run: the bytes of its arguments are gone",
      );
      return "gone";
    }
    if (!this.#seals.admitsBytes(job, data, bytes)) return "gone";
    // While they were on their way, it may have been cancelled.
    return (await this.#isUnwanted(data.map)) ? "gone" : bytes;
  }

  /** Nobody wants the job any more. */
  async #dropBytes({ map, at, bytes }: JobData): Promise<void> {
    // They go with their map, if not here.
    if (bytes !== undefined) await this.#scripts?.dropBytes(map, at).catch(() => {});
  }

  /** The shared values among the job's arguments; the id of one that is gone. */
  async #sharedArguments(data: JobData): Promise<SharedArgument[] | string> {
    const shared: SharedArgument[] = [];
    for (const [position, id] of data.shares ?? []) {
      const value = await this.#shared?.get(id);
      if (value === undefined) return id;
      shared.push({ position, id, ...value });
    }
    return shared;
  }

  #info(job: QueuedJob, data: JobData, offset: number, pid: number): RemoteInfo {
    return { task: job.name, index: data.at + offset, attempt: job.attemptsMade + 1, worker: this.id, pid };
  }

  async #handBack(job: Job, token: string): Promise<never> {
    this.#locks?.release(job.id ?? "", token);
    await job.moveToWait(token);
    throw new WaitingError();
  }

  /** Says why this machine can't run the job, or hands it on to one that can. */
  async #refuse(job: QueuedJob, data: JobData, token: string): Promise<Failure | undefined> {
    if (data.v !== WIRE_VERSION) return { code: "WIRE_VERSION", expected: WIRE_VERSION, got: data.v };
    if (job.stalledCounter >= MACHINE_LOSS_ATTEMPTS) {
      return {
        code: "WORKER_LOST",
        losses: job.stalledCounter,
        exitCode: null,
        signal: null,
        outOfMemory: false,
      };
    }
    if (Object.hasOwn(this.#tasks, job.name)) return undefined;
    const machines = (await this.#scripts?.liveWorkers()) ?? [];
    const believed = machines.filter((machine) => this.#seals.believes(machine));
    const known = new Set([this.#tasks, ...believed.map(({ tasks }) => tasks)].flatMap(Object.keys));
    if (!known.has(job.name)) return { code: "TASK_NOT_REGISTERED", known: [...known].sort() };
    this.#locks?.release(job.id ?? "", token);
    await job.moveToDelayed(Date.now() + HAND_ON_DELAY_MS, token);
    // Its place here stays taken until another machine has had its chance: the first to look would always be this one.
    await within(HAND_ON_DELAY_MS * (1 + Math.random()), this.#draining.promise);
    throw new DelayedError();
  }

  async #isUnwanted(mapId: string): Promise<boolean> {
    if (!this.#unwanted.has(mapId)) return false;
    // Asked again: the producer reopens a map whose keys were lost.
    if ((await this.#scripts?.wanted(mapId)) !== true) return true;
    this.#unwanted.delete(mapId);
    return false;
  }

  /**
   * @param ran - `bytes`: that the text names; `end`: of its run, if there was one; `failed`: the job as it was, to be kept
   * if one of its items failed
   */
  async #publish(
    job: QueuedJob,
    data: JobData,
    text: OutcomeText,
    {
      bytes,
      end,
      failed,
    }: {
      readonly bytes?: Buffer | undefined;
      readonly end?: RunEnd;
      readonly failed?: FailedJob | undefined;
    },
  ): Promise<void> {
    this.#words?.flush(data.map, data.at, data.n);
    const ms = end?.kind === "done" ? end.ms : 0;
    const by = end !== undefined && "pid" in end ? ranBy(this.id, end, job, data) : undefined;
    const kept =
      failed === undefined || text.startsWith("=") ? undefined : this.#keptFor(failed, text, bytes);
    const wanted = await this.#publisher?.publish(
      data.map,
      {
        at: data.at,
        ms,
        text: this.#seals.outcome(job, data, text, bytes),
        bytes,
        hadBytes: data.bytes !== undefined,
        by,
        ...(kept === undefined ? {} : { failed: kept }),
      },
      data.ttlMs ?? MAP_TTL_MS,
    );
    if (wanted === false) {
      this.#unwanted.add(data.map);
      await this.#dropBytes(data);
    } else this.#observer?.published(job.name, data.n, text);
  }

  /** The job to be kept beside its outcome: those of its items that did not fail need not run again. */
  #keptFor(failed: FailedJob, text: OutcomeText, bytes: Buffer | undefined): FailedJob {
    if (failed.data.n === 1) return failed;
    const outcomes = outcomesOf(text, bytes);
    const kept = outcomes.flatMap((item, offset) => (item.s === "ok" ? [[offset, item] as const] : []));
    return kept.length === 0 ? failed : { ...failed, data: this.#seals.state({ ...failed.data, kept }) };
  }

  async #publishFailure(job: QueuedJob, data: JobData, failure: Failure): Promise<void> {
    this.#log.warn({ mapId: data.map, index: data.at, failure: failure.code }, "item given up");
    const kept = new Map(data.kept);
    const outcomes = Array.from({ length: data.n }, (_, offset): ItemOutcome => {
      return kept.get(offset) ?? { s: "failed", failure, by: this.#info(job, data, offset, 0) };
    });
    const failed = data.keepFailed === true ? failedJob(job, data) : undefined;
    await this.#publish(job, data, `!${JSON.stringify(outcomes)}`, { failed });
  }

  /** A job that can't be read: its id still says whose item it is. */
  async #rejectCorrupt(jobId: string, reason: string): Promise<void> {
    this.#log.error({ job: jobId, reason }, "corrupt job");
    // Without a signature, it may be anybody's: the producer enqueues the real one again.
    if (this.#seals.required) return;
    const [, map, index] = /^([\w-]+)-(\d+)$/.exec(jobId) ?? [];
    if (map === undefined || index === undefined) return;
    const at = Number(index);
    const outcome: ItemOutcome = {
      s: "failed",
      failure: { code: "CORRUPT_JOB", reason },
      by: { task: "", index: at, attempt: 1, worker: this.id, pid: 0 },
    };
    await this.#publisher?.publish(map, { at, ms: 0, text: `!${JSON.stringify([outcome])}` }, MAP_TTL_MS);
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One deadline for all: stop taking, let run, abort, kill. */
  async #drain(timeoutMs: number): Promise<void> {
    this.#setState("draining");
    this.#draining.resolve();
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    clearInterval(this.#heartbeat);
    await within(Math.min(SIGN_OFF_TIMEOUT_MS, left()), this.#scripts?.signOff(this.id));
    // Pausing stops the fetching, and waits for the jobs in hand: what only waited goes back, what runs ends.
    const idle = this.#queue?.pause();
    this.#crew.drain();
    const { killGraceMs } = this.#options;
    let ended = await within(left() - Math.min(killGraceMs, left()), idle);
    if (!ended && left() > 0) {
      this.#log.warn({ killGraceMs }, "deadline is near: stopping what still runs");
      this.#crew.stopAll();
      ended = await within(left(), idle);
    }
    await this.#crew.close(ended ? Math.max(CLOSE_GRACE_MS, left()) : 0);
    // What was killed goes back now. Otherwise its lock would have to expire first.
    const canHandBack = this.#redis?.status === "ready";
    const handedBack = ended || (canHandBack && (await within(HAND_BACK_TIMEOUT_MS, idle)));
    await this.#disconnect(handedBack);
    this.#setState("stopped");
    this.#closed.resolve();
  }

  /** Gives up a start. */
  async #abandon(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#setState("stopped");
    clearInterval(this.#heartbeat);
    this.#crew.kill();
    await this.#crew.close(0);
    await this.#disconnect(false);
    this.#closed.resolve();
  }

  async #disconnect(graceful: boolean): Promise<void> {
    this.#locks?.close();
    this.#publisher?.close();
    // With Redis down a graceful close never resolves; a forced one does at once.
    if (this.#queue !== undefined) {
      if (!graceful || !(await within(2_000, this.#queue.close())))
        await within(1_000, this.#queue.close(true));
    }
    if (this.#control !== undefined) destroyConnection(this.#control);
    if (this.#redis !== undefined) destroyConnection(this.#redis);
  }
}
