/**
 * A worker machine's life: one supervisor over one child process per core. The supervisor never runs user code, so
 * nothing a task does can keep it from renewing locks, watching clocks and replacing dead children.
 *
 *   Redis ──fetch──▶ processJob() ──▶ Crew ──pipe──▶ child × processes
 *     ▲                   │
 *     └──publish, then ack┘
 *
 * States:
 * - `starting`: children load the module, Redis is reached. Leaves to `running`, or to `stopped` if either fails.
 * - `running`: fetches and runs jobs. Leaves to `draining` with `close()`.
 * - `draining`: takes nothing new, finishes what runs, hands back what only waited. Leaves to `stopped`.
 * - `stopped`: no child, no connection.
 */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { pino } from "pino";
import type { Logger } from "pino";

import { TasksModuleError } from "@poolmq/shared";
import { MAX_TIMER_MS, refusedError, settlesWithin } from "@poolmq/shared/internal";
import type { TaskInfo } from "@poolmq/shared/internal";

import { Crew } from "../crew/crew.ts";
import { processCrew } from "../crew/process-crew.ts";
import { keptLog } from "../log/kept-log.ts";
import { HeldBytes } from "../job/context/held-bytes.ts";
import { KeptShares } from "../job/context/kept-shares.ts";
import { NO_OBSERVER } from "../job/context/work-observer.ts";
import type { WorkObserver } from "../job/context/work-observer.ts";
import { TaskOutput } from "../output/task-output.ts";
import type { PrintTarget } from "../pipe/child-settings.ts";
import { VERSION } from "../version.ts";
import type { ResolvedWorkerOptions } from "../worker-options.ts";
import type { Lanes } from "./lanes.ts";
import type { MachineSnapshot, MachineState } from "./machine-status.ts";
import type { ServedMachine } from "./served-machine.ts";

const NEXT_STATES: Readonly<Record<MachineState, readonly MachineState[]>> = {
  starting: ["running", "stopped"],
  running: ["draining"],
  draining: ["stopped"],
  stopped: [],
};

/** How long a machine that can't serve tries to report why, in ms. */
const UNFIT_TIMEOUT_MS = 2_000;

/** How long the sign-off of a shutdown may take, in ms. If Redis does not answer, it is not worth waiting for. */
const SIGN_OFF_TIMEOUT_MS = 500;

/** How long a child may take to run its finalizer once the deadline has passed, in ms. */
const CLOSE_GRACE_MS = 200;

export class Supervisor {
  readonly id: string = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  readonly #options: ResolvedWorkerOptions;
  readonly #log: Logger;
  readonly #crew: Crew;
  /** Opens the lanes: they are loaded while the children start, with the Redis client and BullMQ. */
  readonly #openLanes: () => Promise<Lanes>;
  /** Undefined until they are loaded. */
  #lanes: Lanes | undefined;
  /** Aborted once the machine takes no new job. */
  readonly #leaving = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #state: MachineState = "starting";
  #tasks: Readonly<Record<string, TaskInfo>> = {};
  #observer: WorkObserver = NO_OBSERVER;
  #closing: Promise<void> | undefined;

  /** @param tasks - where tasks print and log to, if not to the machine's own log */
  constructor(
    options: ResolvedWorkerOptions,
    tasks: { readonly prints: PrintTarget; readonly logger?: Logger },
  ) {
    this.#options = options;
    const kept = keptLog(options.logger ?? pino({ level: "silent" }), { worker: this.id });
    this.#log = kept.log;
    const records = tasks.logger ?? this.#log;
    const output = new TaskOutput({ level: records.level, open: () => records }, tasks.prints);
    this.#crew = new Crew(
      {
        ...processCrew(this.id, options, output),
        onChange: () => this.#lanes?.onCrewChange(),
        onProgress: ({ reports, map }, index, payload) => reports?.progress(map, index, payload),
        onLog: ({ reports, map, attempt }, index, pid, line) =>
          reports?.log(map, index, { worker: this.id, pid, attempt }, line),
      },
      this.#log,
    );
    const { signal } = this.#leaving;
    const machine = servedBy(this, {
      options,
      crew: this.#crew,
      recentLog: kept.recent,
      leaving: signal,
      observer: () => this.#observer,
    });
    this.#openLanes = async () => {
      const { Lanes: Loaded } = await import("./lanes.ts");
      signal.throwIfAborted();
      this.#lanes = new Loaded(machine, this.#log, signal);
      await this.#lanes.open();
      return this.#lanes;
    };
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

  /** The state of the machine at this moment. */
  get snapshot(): MachineSnapshot {
    const { pids, ready, jobs, losses, memoryBytes } = this.#crew;
    return {
      state: this.#state,
      processes: this.#crew.processes,
      childrenReady: ready,
      childrenStarting: pids.length - ready,
      childMemoryBytes: memoryBytes,
      jobsWaiting: jobs.waiting,
      jobsRunning: jobs.running,
      childLosses: losses,
      ...(this.#lanes?.counts ?? { publishRetries: 0, locksLost: 0 }),
    };
  }

  /** Pings Redis. Rejects, or waits, as long as Redis does not answer. */
  async ping(): Promise<void> {
    if (this.#lanes === undefined) throw new Error("not connected yet");
    await this.#lanes.ping();
  }

  /** Lets an observer see each job from now on. */
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
   * @throws TasksModuleError, RedisConnectionError, UnsupportedRedisError, EvictionPolicyError, RedisRefusedError
   */
  async start(): Promise<void> {
    // First, because children take longer to start than anything else here.
    const started = this.#crew.start();
    const opening = this.#openLanes();
    try {
      const [tasks, lanes] = await Promise.all([started, opening]);
      if (this.#state !== "starting") return; // closed meanwhile
      this.#tasks = tasks;
      await lanes.serve();
      this.#setState("running");
      this.#log.info(
        {
          queue: this.#options.queue,
          redis: this.#options.shards.map(({ connection }) => connection.address).join(", "),
          version: VERSION,
          supervisorPid: process.pid,
          tasks: Object.keys(tasks),
          processes: this.#options.processes,
        },
        "worker machine ready",
      );
    } catch (error) {
      if (error instanceof TasksModuleError && this.#state === "starting") {
        // Tells producers that wait for a worker why this one does not start.
        await settlesWithin(
          UNFIT_TIMEOUT_MS,
          opening.then(async (lanes) => await lanes.beat(error)),
        );
      }
      await this.#abandon();
      throw refusedError(error);
    }
  }

  /**
   * Stops: takes nothing new, finishes what runs, hands back what only waited; after `timeoutMs` kills what is left.
   * May be called twice, and before `start()`.
   */
  close(timeoutMs: number = this.#options.shutdownTimeoutMs): Promise<void> {
    const boundedMs = Math.min(timeoutMs, MAX_TIMER_MS);
    this.#closing ??= this.#state === "running" ? this.#drain(boundedMs) : this.#abandon();
    return this.#closing;
  }

  /** Stops at once: kills the children and hands back their jobs, which are not charged; other machines take over. */
  kill(): void {
    this.#crew.kill();
    this.close(0).catch(() => {}); // callers that wait for the end use `close()` or `closed`
  }

  #setState(next: MachineState): void {
    if (!NEXT_STATES[this.#state].includes(next))
      throw new Error(`Illegal transition: ${this.#state} → ${next}`);
    this.#log.info({ from: this.#state, to: next }, "worker machine state");
    this.#state = next;
    if (next !== "running") this.#leaving.abort();
  }

  /** One deadline for all: stop taking, let run, abort, kill. */
  async #drain(timeoutMs: number): Promise<void> {
    this.#setState("draining");
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    // Pausing stops fetching, and waits for the jobs in hand: those that only wait go back, and those that run end. This
    // comes before any wait for Redis, because a run that ends meanwhile would make room for the next job.
    const idle = this.#lanes?.pause() ?? Promise.resolve();
    this.#crew.drain();
    // If Redis is away, the advertisement of this machine expires.
    await this.#lanes?.signOff(Math.min(SIGN_OFF_TIMEOUT_MS, left()));
    const { killGraceMs } = this.#options;
    let ended = await settlesWithin(left() - Math.min(killGraceMs, left()), idle);
    if (!ended && left() > 0) {
      this.#log.warn({ killGraceMs }, "deadline is near: stopping what still runs");
      this.#crew.stopAll();
      ended = await settlesWithin(left(), idle);
    }
    await this.#crew.close(ended ? Math.max(CLOSE_GRACE_MS, left()) : 0);
    await this.#lanes?.close();
    this.#setState("stopped");
    this.#closed.resolve();
  }

  /** Gives up a start. */
  async #abandon(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#setState("stopped");
    this.#crew.kill();
    await this.#crew.close(0);
    await this.#lanes?.close();
    this.#closed.resolve();
  }
}

function servedBy(
  supervisor: Supervisor,
  {
    leaving,
    observer,
    ...parts
  }: Pick<ServedMachine, "options" | "crew" | "recentLog"> & {
    readonly leaving: AbortSignal;
    readonly observer: () => WorkObserver;
  },
): ServedMachine {
  const draining = new Promise<void>((resolve) => leaving.addEventListener("abort", () => resolve()));
  return {
    ...parts,
    id: supervisor.id,
    shares: new KeptShares((shareId) => parts.crew.unshare(shareId)),
    held: new HeldBytes(parts.options.maxHeldBytes),
    draining,
    drain: () => void supervisor.close(),
    get tasks() {
      return supervisor.tasks;
    },
    get observer() {
      return observer();
    },
  };
}
