/** A machine's sign of life: it advertises what it can run once a second, and at once when that changes. */

import { hostname } from "node:os";
import { basename } from "node:path";

import type { TasksModuleError } from "@poolmq/shared";
import { repeatWhenAnswered, WIRE_VERSION } from "@poolmq/shared/internal";
import type { WorkerAdvertisement, WorkerDetail } from "@poolmq/shared/internal";
import type { Machines, RedisClock } from "@poolmq/shared/redis";

import type { JobSeals } from "../job/context/job-seals.ts";
import type { ThrottledLog } from "../log/throttled-log.ts";
import { VERSION } from "../version.ts";
import type { ServedMachine } from "./served-machine.ts";

/** How often it beats, in ms. A machine that is silent for `MACHINE_TTL_MS` has missed several beats. */
const HEARTBEAT_MS = 1_000;

export class Heartbeat {
  readonly #machine: ServedMachine;
  readonly #fleet: Pick<Machines, "advertise" | "signOff">;
  readonly #seals: Pick<JobSeals, "advertisement">;
  readonly #clock: Pick<RedisClock, "read">;
  readonly #refusals: Pick<ThrottledLog, "refused" | "lasting">;
  #timer: { stop(): void } | undefined;
  readonly #onHeard: (isHeard: boolean) => void;
  /** Whether somebody watches the queue. */
  #watched = false;
  /** Number of ready children in the last heartbeat. */
  #told = 0;
  /** Resolves once the last heartbeat was answered. Nothing is sent before, so that nothing piles up. */
  #answer: Promise<void> = Promise.resolve();
  #isOwed = false;

  /** @param onHeard - called with each answer: whether somebody reads the machine's log */
  constructor(
    machine: ServedMachine,
    fleet: Pick<Machines, "advertise" | "signOff">,
    seals: Pick<JobSeals, "advertisement">,
    clock: Pick<RedisClock, "read">,
    refusals: Pick<ThrottledLog, "refused" | "lasting">,
    onHeard: (isHeard: boolean) => void,
  ) {
    this.#machine = machine;
    this.#fleet = fleet;
    this.#seals = seals;
    this.#clock = clock;
    this.#refusals = refusals;
    this.#onHeard = onHeard;
  }

  /** Resolves after the first heartbeat. */
  async start(): Promise<void> {
    this.#timer = repeatWhenAnswered(HEARTBEAT_MS, async () => await this.beat());
    await this.beat();
  }

  /** Beats at once when somebody begins to watch. */
  onWatch(): void {
    if (this.#watched || this.#timer === undefined) return;
    this.#watched = true;
    void this.beat();
  }

  /** Beats if the number of ready children has changed. */
  onCrewChange(): void {
    if (this.#timer !== undefined && this.#machine.crew.ready !== this.#told) void this.beat();
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  /** Withdraws the advertisement, so that nobody waits for this machine any more. */
  async signOff(): Promise<void> {
    this.stop();
    await this.#fleet.signOff(this.#machine.id);
  }

  /**
   * Sends a heartbeat. If the last one is not answered yet, it waits for the answer first.
   *
   * @param failure - why none of the children can run anything
   */
  async beat(failure: TasksModuleError | undefined = this.#machine.crew.startFailure): Promise<void> {
    if (!this.#isOwed) this.#answer = this.#tell(failure);
    await this.#answer;
  }

  async #tell(failure: TasksModuleError | undefined): Promise<void> {
    this.#isOwed = true;
    this.#told = this.#machine.crew.ready;
    try {
      const detail = this.#watched ? JSON.stringify(this.#detail()) : "";
      const text = JSON.stringify(this.#seals.advertisement(this.#advertisement(failure)));
      const [{ isWatched, isHeard }] = await Promise.all([
        this.#fleet.advertise(this.#machine.id, text, detail),
        this.#clock.read(),
      ]);
      this.#watched = isWatched;
      this.#onHeard(isHeard);
    } catch (error) {
      this.#refusals.refused("heartbeat failed", error);
    } finally {
      this.#isOwed = false;
    }
    this.onCrewChange();
  }

  #advertisement(failure: TasksModuleError | undefined): WorkerAdvertisement {
    const { id, crew, options, tasks } = this.#machine;
    const { lasting } = this.#refusals;
    return {
      v: WIRE_VERSION,
      id,
      host: hostname(),
      pid: process.pid,
      processes: crew.ready,
      concurrency: options.concurrency,
      tasks,
      ...(lasting === undefined ? {} : { unfit: { module: "", phase: "redis", reason: lasting } }),
      ...(failure === undefined ? {} : { unfit: unfit(failure, options.redactRemoteStacks) }),
      version: VERSION,
      node: process.versions.node,
      ...(options.codeVersion === undefined ? {} : { codeVersion: options.codeVersion }),
    };
  }

  #detail(): WorkerDetail {
    const { details: children, jobs } = this.#machine.crew;
    return { nowMs: Date.now(), waiting: jobs.waiting, children };
  }
}

function unfit(
  { module, phase, reason }: TasksModuleError,
  isRedacted: boolean,
): NonNullable<WorkerAdvertisement["unfit"]> {
  if (!isRedacted) return { module, phase, reason };
  // The loader's message is full of paths, which callers are not to see.
  return { module: basename(module), phase, reason: "the reason is in its log" };
}
