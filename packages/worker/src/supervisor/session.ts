/**
 * A machine's lane: what it does on one Redis. Made once its connections are there, and closed once.
 *
 *   commands ── JobQueue (fetches, acknowledges), Locks, Publisher, TaskReports, SharedValues, Heartbeat
 *   blocking ── ControlChannel
 *
 * Whatever does not depend on the Redis that a job came from belongs to the machine, and is shared by its lanes
 * (`ServedMachine`).
 */

import type { Logger } from "pino";

import { settlesWithin } from "@poolmq/shared/internal";
import {
  GatherScripts,
  jobIdOf,
  LimitScripts,
  MachineLines,
  Machines,
  queueKeys,
  RedisClock,
} from "@poolmq/shared/redis";

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
import { ForsakenJobs } from "../queue/forsaken-jobs.ts";
import type { JobQueue } from "../queue/job-queue.ts";
import { Locks } from "../queue/locks.ts";
import type { SharedPlaces } from "../queue/shared-places.ts";
import type { Shard } from "../worker-options.ts";
import { ControlChannel } from "./control-channel.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { LaneConnections } from "./lane-connections.ts";
import { LanePlaces } from "./lane-places.ts";
import { LogFeed } from "./log-feed.ts";
import { OutageLog } from "./outage-log.ts";
import { outcomeLimit } from "./outcome-limit.ts";
import { obeyOrder } from "./orders.ts";
import { Pulse } from "./pulse.ts";
import { serveQueue } from "./serve-queue.ts";
import type { ServedMachine } from "./served-machine.ts";

/**
 * How long to wait for a PING at the machine's end, in ms. For a Redis that does not answer in time, the machine does not
 * wait.
 */
const ANSWER_MS = 500;

/**
 * A machine that is told to end while its Redis is silent waits for it with outcomes that may not be there: as long as it
 * would take to run the longest of these items again, but not less than this, in ms.
 */
const MIN_PATIENCE_MS = 2_000;

/** A refusal of Redis, or a kind of error of items, is logged at most once in this time, in ms. */
const REFUSALS_PERIOD_MS = 60_000;
const FAILURES_PERIOD_MS = 10_000;
/** How long an answer to an operator is kept, in ms. The command that asked looks for it several times a second. */
const ANSWER_TTL_MS = 30_000;

/** How long to wait, at the machine's end, until jobs whose processes were killed are back in Redis, in ms. */
const HAND_BACK_TIMEOUT_MS = 500;

/** How long a step of closing the queue may take, if Redis answers, and once it was told not to wait. */
const CLOSE_TIMEOUT_MS = 2_000;
/** The same if Redis did not answer a moment ago. If it is back, a close takes some milliseconds. */
const SILENT_CLOSE_TIMEOUT_MS = 300;
const FORCED_CLOSE_TIMEOUT_MS = 1_000;

export class Session {
  readonly heartbeat: Heartbeat;
  readonly #connections: LaneConnections;
  readonly #crew: ServedMachine["crew"];
  readonly #queue: JobQueue;
  readonly #locks: Locks;
  readonly #publisher: Publisher;
  readonly #refusals: ThrottledLog;
  readonly #control: ControlChannel;
  /** All parts that have timers or listeners of their own. */
  readonly #parts: readonly { close(): void }[];
  /** Resolves once the jobs in hand have ended. Set by `pause`. */
  #idle: Promise<void> | undefined;
  /** Whether Redis answered when the machine signed off. */
  #answered = true;

  /** @param places - the crew's places, if other lanes share them */
  constructor(
    machine: ServedMachine,
    { connection, queue: name }: Shard,
    connections: LaneConnections,
    log: Logger,
    places: SharedPlaces | undefined,
  ) {
    const { redis, subscriber, largest } = connections;
    const { id, options, crew } = machine;
    const { lockDurationMs, prefix, signingKeys } = options;
    const keys = queueKeys(name, prefix);
    const store = new GatherScripts(redis, keys);
    const fleet = new Machines(redis, keys);
    const seals = new JobSeals(signingKeys?.signer(keys), log);
    const clock = new RedisClock(redis);
    const refusals = new ThrottledLog(log, REFUSALS_PERIOD_MS);
    this.#refusals = refusals;
    const isWanted = async (mapId: string): Promise<boolean> => await store.wanted(mapId);
    const unwanted = new UnwantedMaps(isWanted);
    const settled = new SettledJobs(async (mapId, at) => await store.isDone(mapId, at));
    const fetchShare = async (shareId: string) => seals.share(shareId, await store.share(shareId));
    const reports = new TaskReports(store, seals, refusals, largest);
    const logFeed = new LogFeed(id, machine.recentLog, new MachineLines(redis, keys));

    this.#connections = connections;
    this.#crew = crew;
    this.heartbeat = new Heartbeat(machine, fleet, seals, clock, refusals, (isHeard) =>
      logFeed.onHeard(isHeard),
    );
    this.#publisher = new Publisher(store, refusals, largest?.bytes);
    this.#queue = serveQueue(
      machine,
      { redis, keys, clock },
      {
        process: (job, token) => processJob(context, job, token),
        locks: () => this.#locks,
        outcomeWaitMs: () => crew.outcomeWaitMs,
        ...(places === undefined ? {} : { changed: () => places.share() }),
      },
      { log, refusals },
    );
    this.#locks = new Locks((...args) => this.#queue.extendJobLocks(...args), lockDurationMs, log, refusals);
    this.#control = new ControlChannel(redis, subscriber, keys, seals, {
      onWatch: () => this.heartbeat.onWatch(),
      onListen: () => {
        // What tasks print may quote stacks, which with this option belong only into the machine's own log.
        if (!options.redactRemoteStacks) logFeed.onListen();
      },
      onCancel(mapId) {
        unwanted.add(mapId);
        crew.cancel(mapId);
      },
      async onMissedCancel(mapId) {
        if (await unwanted.learn(mapId)) crew.cancel(mapId);
      },
      onSettled(mapId, jobs) {
        for (const at of jobs) settled.add(jobIdOf(mapId, at));
        crew.cancel(mapId, jobs);
      },
      onCut: (...jobs) => crew.members.cut(...jobs),
      onUnshare: (shareId) => machine.shares.forget(shareId),
      onOrder: (order) =>
        obeyOrder(order, machine, log, (question, answer) => {
          const told = redis.set(keys.stack(question), JSON.stringify(answer), "PX", ANSWER_TTL_MS);
          told.catch((error: unknown) => refusals.refused("answer refused", error));
        }),
    });
    const parts = [
      new OutageLog(redis, connection.address, log),
      new ForsakenJobs({ redis, keys, isWanted }),
      logFeed,
      this.#control,
      this.#locks,
    ];
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
      crew: places === undefined ? crew : this.#share(places, crew, parts),
      store,
      fleet,
      seals,
      locks: this.#locks,
      runs: new RunsInHand(),
      permits: new Permits(new LimitScripts(redis, keys, id), this.#locks, refusals, machine.draining),
      unwanted,
      settled,
      shared: new SharedValues(fetchShare, machine.shares),
      held: machine.held,
      publisher: this.#publisher,
      queue: this.#queue,
      reports,
      outcomeLimit: outcomeLimit(largest, options.maxOutcomeBytes),
      log,
      failures: new ThrottledLog(log, FAILURES_PERIOD_MS),
    };
    this.#parts = [...parts, this.#publisher];
  }

  /** Counts since the start. */
  get counts(): { readonly publishRetries: number; readonly locksLost: number } {
    return { publishRetries: this.#publisher.retries, locksLost: this.#locks.lost };
  }

  /** Pings Redis; waits as long as it does not answer. */
  async ping(): Promise<void> {
    await this.#connections.redis.ping();
  }

  /** Begins to take jobs. Resolves once no further message to the machines of this queue is missed. */
  async serve(): Promise<void> {
    await this.#control.listen();
    await this.heartbeat.start();
    this.#queue.run().catch((error: unknown) => this.#queue.emit("error", error as Error));
  }

  /** Sets the number of places, if the crew has no other lane. */
  resize(capacity: number): void {
    this.#queue.resize(capacity);
  }

  /** Withdraws the machine's advertisement. If Redis does not answer in time, the advertisement expires. */
  async signOff(timeoutMs: number): Promise<void> {
    this.heartbeat.stop();
    this.#answered = this.#isConnected && (await settlesWithin(timeoutMs, this.heartbeat.signOff()));
  }

  /** Takes no more jobs. Resolves once those in hand have ended. */
  pause(): Promise<void> {
    this.#idle ??= this.#pause();
    return this.#idle;
  }

  /**
   * Closes everything. After a `pause`, it first puts jobs in hand back into Redis, and waits for BullMQ's last commands.
   */
  async close(): Promise<void> {
    // Otherwise the locks of these jobs would have to expire.
    const isIdle =
      this.#idle !== undefined &&
      this.#isConnected &&
      (await settlesWithin(HAND_BACK_TIMEOUT_MS, this.#idle));
    for (const part of this.#parts) part.close();
    // If Redis is down, a graceful close never resolves; a forced one does at once.
    const patienceMs = this.#answered ? CLOSE_TIMEOUT_MS : SILENT_CLOSE_TIMEOUT_MS;
    const waits = isIdle && this.#isConnected;
    if (!waits || !(await settlesWithin(patienceMs, this.#queue.close())))
      await settlesWithin(FORCED_CLOSE_TIMEOUT_MS, this.#queue.close(true));
    this.#connections.release();
  }

  async #pause(): Promise<void> {
    const paused = this.#queue.pause();
    let heardAt = performance.now();
    // BullMQ also waits for its last fetch, which a Redis that is away never answers.
    while (!(await settlesWithin(ANSWER_MS, paused))) {
      const isRunning = this.#crew.jobs.running + this.#crew.jobs.waiting > 0;
      const isHeard = await settlesWithin(ANSWER_MS, this.ping());
      if (isHeard && this.#refusals.lasting === undefined) heardAt = performance.now();
      else if (!isRunning && performance.now() - heardAt >= this.#patienceMs) return;
    }
  }

  /** How long jobs in hand that do not run are worth waiting for a Redis that is silent, in ms. */
  get #patienceMs(): number {
    return this.#queue.inHand === 0 ? 0 : Math.max(MIN_PATIENCE_MS, this.#publisher.longestUnsafeMs);
  }

  /** Whether Redis can be told anything at this moment. */
  get #isConnected(): boolean {
    return this.#connections.redis.status === "ready";
  }

  /** Joins those who share the crew's places. Gives a crew that counts this lane's runs. */
  #share(places: SharedPlaces, crew: ServedMachine["crew"], parts: { close(): void }[]): JobContext["crew"] {
    const pulse = new Pulse(this.#connections.redis, () => places.share());
    const own = new LanePlaces(places, this.#queue, pulse, crew);
    parts.push(pulse);
    places.add(own);
    return own;
  }
}
