/**
 * All that a machine's Redis connections carry: made once, by `open`, and closed once.
 *
 *   commands ── JobQueue (fetches, acknowledges), Locks, Publisher, TaskReports, SharedValues, Heartbeat
 *   blocking ── ControlChannel
 */

import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";

import { settlesWithin } from "@poolmq/shared/internal";
import {
  checkServer,
  destroyConnection,
  GatherScripts,
  jobIdOf,
  largestValue,
  LimitScripts,
  MachineLines,
  Machines,
  queueKeys,
  RedisClock,
} from "@poolmq/shared/redis";
import type { LargestValue, QueueKeys } from "@poolmq/shared/redis";

import type { JobContext } from "../job/context/job-context.ts";
import { JobSeals } from "../job/context/job-seals.ts";
import { Permits } from "../job/context/permits.ts";
import { processJob } from "../job/process-job.ts";
import { Publisher } from "../outcome/publisher.ts";
import { RunsInHand } from "../job/context/runs-in-hand.ts";
import { SettledJobs } from "../job/context/settled-jobs.ts";
import { SharedValues } from "../job/context/shared-values.ts";
import { TaskReports } from "../job/context/task-reports.ts";
import { UnwantedMaps } from "../job/context/unwanted-maps.ts";
import { ThrottledLog } from "../log/throttled-log.ts";
import { JobQueue } from "../queue/job-queue.ts";
import type { JobQueueHooks } from "../queue/job-queue.ts";
import { Locks } from "../queue/locks.ts";
import { mendJobs } from "../queue/mend-jobs.ts";
import { ControlChannel } from "./control-channel.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LogFeed } from "./log-feed.ts";
import { OutageLog } from "./outage-log.ts";
import { outcomeLimit } from "./outcome-limit.ts";
import { reachRedis } from "./reach-redis.ts";
import { obeyOrder } from "./orders.ts";
import type { ServedMachine } from "./served-machine.ts";

/** BullMQ's own limit fails a job without an outcome. `refuseJob` gives up long before. */
const NO_STALL_LIMIT = 1_000_000;

/** After an error of the queue, a fetch is tried again after this long, in ms. */
const RETRY_FETCH_MS = 500;
/** A Redis that does not answer a PING within this, in ms, has nothing that a machine should wait for at its end. */
const ANSWER_MS = 500;

/** A refusal of Redis, or a kind of error of items, is logged at most once in this time, in ms. */
const REFUSALS_PERIOD_MS = 60_000;
const FAILURES_PERIOD_MS = 10_000;
/** How long an answer to an operator is kept, in ms: who asked looks for it several times a second. */
const ANSWER_TTL_MS = 30_000;

/** How long a step of closing the queue may take, if Redis answers, and once it was told not to wait. */
const CLOSE_TIMEOUT_MS = 2_000;
/** The same where Redis did not answer a moment ago. If it is back, a close takes some milliseconds. */
const SILENT_CLOSE_TIMEOUT_MS = 300;
const FORCED_CLOSE_TIMEOUT_MS = 1_000;

export class Session {
  readonly heartbeat: Heartbeat;
  readonly reports: TaskReports;
  readonly #machine: ServedMachine;
  readonly #outages: OutageLog;
  readonly #redis: Redis | Cluster;
  readonly #subscriber: Redis | Cluster;
  readonly #queue: JobQueue;
  readonly #locks: Locks;
  readonly #publisher: Publisher;
  readonly #control: ControlChannel;
  readonly #logFeed: LogFeed;

  /**
   * Reaches Redis and checks it. No job is taken yet.
   *
   * @param signal - gives up
   * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
   */
  static async open(machine: ServedMachine, log: Logger, signal: AbortSignal): Promise<Session> {
    const { connection: resolved, connectTimeoutMs: waitMs } = machine.options;
    const opened: (Redis | Cluster)[] = [];
    const giveUp = (): void => opened.forEach(destroyConnection);
    signal.addEventListener("abort", giveUp);
    try {
      const reach = async (role: "commands" | "blocking", name: string): Promise<Redis | Cluster> =>
        await reachRedis(resolved, { role, name, signal }, waitMs, log);
      const redis = await reach("commands", machine.id);
      opened.push(redis);
      await checkServer(redis, resolved.address);
      const [largest, subscriber] = await Promise.all([
        largestValue(redis),
        reach("blocking", `${machine.id}-control`),
      ]);
      opened.push(subscriber);
      signal.throwIfAborted();
      return new Session(machine, log, redis, subscriber, largest);
    } catch (error) {
      giveUp();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  private constructor(
    machine: ServedMachine,
    log: Logger,
    redis: Redis | Cluster,
    subscriber: Redis | Cluster,
    largest: LargestValue | undefined,
  ) {
    const { id, options, crew } = machine;
    const { lockDurationMs, queue, prefix, signingKeys } = options;
    const keys = queueKeys(queue, prefix);
    const store = new GatherScripts(redis, keys);
    const fleet = new Machines(redis, keys);
    const seals = new JobSeals(signingKeys?.signer(keys), log);
    const clock = new RedisClock(redis);
    const refusals = new ThrottledLog(log, REFUSALS_PERIOD_MS);
    const unwanted = new UnwantedMaps(async (mapId) => await store.wanted(mapId));
    const settled = new SettledJobs(async (mapId, at) => await store.isDone(mapId, at));
    const shared = new SharedValues(
      async (shareId) => seals.share(shareId, await store.share(shareId)),
      (shareId) => crew.unshare(shareId),
    );
    const cancel = (mapId: string): void => {
      unwanted.add(mapId);
      crew.cancel(mapId);
    };

    this.#machine = machine;
    this.#outages = new OutageLog(redis, options.connection.address, log);
    this.#redis = redis;
    this.#subscriber = subscriber;
    this.#logFeed = new LogFeed(id, machine.recentLog, new MachineLines(redis, keys));
    this.heartbeat = new Heartbeat(machine, fleet, seals, clock, refusals, (isHeard) =>
      this.#logFeed.onHeard(isHeard),
    );
    this.reports = new TaskReports(store, seals);
    this.#publisher = new Publisher(store, refusals, largest?.bytes);
    this.#queue = this.#makeQueue(keys, clock, log, refusals, (job, token) =>
      processJob(context, job, token),
    );
    this.#locks = new Locks((...args) => this.#queue.extendJobLocks(...args), lockDurationMs, log, refusals);
    this.#control = new ControlChannel(redis, subscriber, keys, seals, {
      onWatch: () => this.heartbeat.onWatch(),
      onListen: () => {
        // What tasks print may quote their stacks, and these are for the machine's own log then.
        if (!options.redactRemoteStacks) this.#logFeed.onListen();
      },
      onCancel: cancel,
      async onMissedCancel(mapId) {
        if (await unwanted.learn(mapId)) crew.cancel(mapId);
      },
      onSettled(mapId, jobs) {
        for (const at of jobs) settled.add(jobIdOf(mapId, at));
        crew.cancel(mapId, jobs);
      },
      onCut: (...jobs) => crew.members.cut(...jobs),
      onUnshare: (shareId) => shared.forget(shareId),
      onOrder: (order) =>
        obeyOrder(order, machine, log, (question, answer) => {
          const told = redis.set(keys.stack(question), JSON.stringify(answer), "PX", ANSWER_TTL_MS);
          told.catch((error: unknown) => refusals.refused("answer refused", error));
        }),
    });
    const context: JobContext = {
      machine: {
        id,
        workerLossAttempts: options.workerLossAttempts,
        codeVersion: options.codeVersion,
        redactRemoteStacks: options.redactRemoteStacks,
        draining: machine.draining,
        get tasks() {
          return machine.tasks;
        },
        get observer() {
          return machine.observer;
        },
      },
      crew,
      store,
      fleet,
      seals,
      locks: this.#locks,
      runs: new RunsInHand(),
      permits: new Permits(new LimitScripts(redis, keys, id), this.#locks, refusals, machine.draining),
      unwanted,
      settled,
      shared,
      publisher: this.#publisher,
      reports: this.reports,
      outcomeLimit: outcomeLimit(largest, options.maxOutcomeBytes),
      log,
      failures: new ThrottledLog(log, FAILURES_PERIOD_MS),
    };
  }

  /** Counts since the start. */
  get counts(): { readonly publishRetries: number; readonly locksLost: number } {
    return { publishRetries: this.#publisher.retries, locksLost: this.#locks.lost };
  }

  /** Asks Redis for a sign of life; waits as long as it does not answer. */
  async ping(): Promise<void> {
    await this.#redis.ping();
  }

  /** Begins to take jobs. Resolves once nothing that is told to the machines of this queue is missed. */
  async serve(): Promise<void> {
    await this.#control.listen();
    await this.heartbeat.start();
    this.#queue.run().catch((error: unknown) => this.#queue.emit("error", error as Error));
    // Children may have become ready in between.
    this.onCrewChange();
  }

  /** More or less is worth fetching, or another number of children is ready. */
  onCrewChange(): void {
    this.#queue.resize(this.#machine.crew.capacity);
    this.heartbeat.onCrewChange();
  }

  /** Takes no more jobs. Resolves once those in hand have ended. */
  async pause(): Promise<void> {
    const paused = this.#queue.pause();
    // BullMQ also waits for its last fetch, which a Redis that is away never answers.
    while (!(await settlesWithin(ANSWER_MS, paused))) {
      if (this.#queue.inHand === 0 && !(await settlesWithin(ANSWER_MS, this.ping()))) return;
    }
  }

  /** Whether Redis can be told anything at this moment. */
  get isConnected(): boolean {
    return this.#redis.status === "ready";
  }

  /** @param isGraceful - wait for what BullMQ has still to tell Redis. @param answers - Redis did so lately */
  async close(isGraceful: boolean, answers = true): Promise<void> {
    this.#outages.close();
    this.heartbeat.stop();
    this.#logFeed.close();
    this.#control.close();
    this.#locks.close();
    this.#publisher.close();
    // With Redis down a graceful close never resolves; a forced one does at once.
    const patienceMs = answers ? CLOSE_TIMEOUT_MS : SILENT_CLOSE_TIMEOUT_MS;
    const waits = isGraceful && this.isConnected;
    if (!waits || !(await settlesWithin(patienceMs, this.#queue.close())))
      await settlesWithin(FORCED_CLOSE_TIMEOUT_MS, this.#queue.close(true));
    destroyConnection(this.#subscriber);
    destroyConnection(this.#redis);
  }

  #makeQueue(
    keys: QueueKeys,
    clock: RedisClock,
    log: Logger,
    refusals: ThrottledLog,
    process: JobQueueHooks["process"],
  ): JobQueue {
    const { id, crew, options } = this.#machine;
    const queue = new JobQueue(
      this.#redis,
      clock,
      keys.bullName,
      { process, settled: (job, token) => this.#locks.release(job.id ?? "", token) },
      {
        prefix: keys.bullPrefix,
        name: id,
        autorun: false,
        concurrency: crew.capacity,
        lockDuration: options.lockDurationMs,
        stalledInterval: options.stalledIntervalMs,
        maxStalledCount: NO_STALL_LIMIT,
        skipLockRenewal: true,
        runRetryDelay: RETRY_FETCH_MS,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    );
    queue.on("error", (error) => {
      if (OutageLog.isOf(error)) return;
      refusals.refused("queue error", error);
      // Of BullMQ's own parsing, or of the loops over what it parsed.
      if (error instanceof SyntaxError || error instanceof TypeError) void mendJobs(this.#redis, keys, log);
    });
    return queue;
  }
}
