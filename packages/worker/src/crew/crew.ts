/**
 * The children of a worker machine: hands each run to a free child, notices dead ones and replaces them.
 *
 *   held ──free child──▶ sent ──done──▶ ended "done"
 *    ▲                    │
 *    └── only waited ─────┴──child died──▶ running: ended "lost"
 */

import type { Logger } from "pino";

import type { ChildDetail, Payload, TaskInfo } from "@poolmq/shared/internal";

import type { ChildExit } from "./process-host.ts";
import type { TasksModuleError } from "@poolmq/shared";
import { Member } from "./member.ts";
import type { MemberOptions } from "./member.ts";
import { pipeDepth } from "../pipe/pipe-depth.ts";
import { residentBytes } from "./resident-bytes.ts";
import { Ticket } from "./run.ts";
import type { Run, RunEnd } from "./run.ts";

/** Why a child process ended unasked; `stopped_task`: it was killed to stop one of its tasks. */
export type ChildLossReason = "exit" | "signal" | "out_of_memory" | "stopped_task";

export interface CrewOptions extends MemberOptions {
  readonly processes: number;
  /** A running task said something of its progress. */
  readonly onProgress: (mapId: string, index: number, payload: Payload) => void;
  /** A running task printed or logged a line: a `LogLine` as JSON. */
  readonly onLog: (run: Run, index: number, pid: number, line: string) => void;
  /** `capacity` or `ready` may have changed. */
  readonly onChange: () => void;
}

/** A child that dies before it answered anything is replaced after 100 ms, 200 ms, … up to this. */
const MAX_RESTART_DELAY_MS = 5_000;

/** After so many starts that ended by SIGKILL, it may be the module that brings them on: by the memory it takes, say. */
const MAX_KILLED_STARTS = 3;

/** Jobs worth this much of a child's time may be held here per child, which hides the round trip to Redis. */
const HELD_MS = 20;
const MAX_HELD = 256;

/** How often it is looked whether something waits behind a long run, and for too large children. */
const LOOK_MS = 20;

/** A job that waited this long for a child of this machine goes back to Redis: another machine may be free. */
const MAX_WAIT_MS = 50;

/** A child above `maxMemoryPerChildMb` times this is not waited for until its item has ended. */
const HARD_MEMORY_FACTOR = 1.5;

export class Crew {
  /** Children that ended unasked, since the start. */
  readonly losses: Record<ChildLossReason, number> = {
    exit: 0,
    signal: 0,
    out_of_memory: 0,
    stopped_task: 0,
  };
  readonly #options: CrewOptions;
  readonly #log: Logger;
  readonly #members = new Set<Member>();
  readonly #held: Ticket[] = [];
  readonly #restarts = new Set<NodeJS.Timeout>();
  /** Killed because the container's memory was short: it must be gone before it is looked again. */
  #victim: Member | undefined;
  readonly #looker: NodeJS.Timeout;
  #failedStarts = 0;
  /** Starts that SIGKILL has ended, since a child was last ready. */
  #killedStarts = 0;
  #draining = false;
  #closing = false;
  /** Work went back to Redis because all children are busy with something long: nothing is fetched ahead for now. */
  #congested = false;
  /** Moving mean of the run time of a job, in ms; `undefined` before the first. */
  #meanMs: number | undefined;
  /** When a run ended last. */
  #endedAt = 0;
  #tasks: Readonly<Record<string, TaskInfo>> | undefined;
  #startFailure: TasksModuleError | undefined;
  readonly #ready = Promise.withResolvers<Readonly<Record<string, TaskInfo>>>();
  readonly #allGone = Promise.withResolvers<void>();

  constructor(options: CrewOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#ready.promise.catch(() => {}); // `start()` hands it out; nobody else need listen
    this.#looker = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Starts the processes; gives the registered functions once the first child is ready. */
  async start(): Promise<Readonly<Record<string, TaskInfo>>> {
    for (let i = 0; i < this.#options.processes; i++) this.#spawn();
    return await this.#ready.promise;
  }

  /** Process ids of the living children. */
  get pids(): number[] {
    return [...this.#members].map((member) => member.pid);
  }

  /** Number of children that can run something. */
  get ready(): number {
    return [...this.#members].filter((member) => member.isReady).length;
  }

  /** Jobs that wait here or in a pipe, and jobs that run. */
  get jobs(): { readonly waiting: number; readonly running: number } {
    let sent = 0;
    let running = 0;
    for (const member of this.#members) {
      sent += member.load;
      running += member.running;
    }
    return { waiting: this.#held.length + sent - running, running };
  }

  /** What each child runs and ran. */
  get details(): ChildDetail[] {
    return [...this.#members].flatMap((member) => member.detail ?? []);
  }

  /** Why the last child that did not become ready failed, while none is ready. */
  get startFailure(): TasksModuleError | undefined {
    return this.ready === 0 ? this.#startFailure : undefined;
  }

  /** How many jobs are worth fetching now: what runs, and a little ahead if the functions are short. */
  get capacity(): number {
    const { processes, concurrency } = this.#options;
    const ahead =
      this.#meanMs === undefined || this.#congested
        ? 0
        : Math.min(MAX_HELD, Math.floor((HELD_MS * concurrency) / this.#meanMs));
    return Math.max(1, processes * (concurrency + ahead));
  }

  /** Runs a job on the next free child. Never rejects. */
  run(run: Run): Promise<RunEnd> {
    return new Promise((settle) => {
      if (this.#draining) return settle({ kind: "unstarted" });
      this.#held.push(new Ticket(run, settle));
      this.#dispatch();
    });
  }

  /** Starts nothing new, and hands back what no child has begun. */
  drain(): void {
    this.#draining = true;
    this.#releaseHeld();
  }

  /** Stops the runs of a map: those that wait at once, those that run by their signal, then by killing their child. */
  cancel(mapId: string): void {
    for (const ticket of this.#held.filter(({ run }) => run.map === mapId)) {
      this.#held.splice(this.#held.indexOf(ticket), 1);
      ticket.settle({ kind: "cancelled" });
    }
    for (const member of this.#members) member.stop("cancelled", ({ run }) => run.map === mapId);
  }

  /** Stops what runs, by its signal, then by killing: it is to run elsewhere, uncharged. */
  stopAll(): void {
    this.drain();
    for (const member of this.#members) member.stop("shutdown", () => true);
  }

  /** Makes the children forget a shared value. */
  unshare(id: string): void {
    for (const member of this.#members) member.unshare(id);
  }

  /** Lets the children run their finalizers and exit; kills those that are left after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#looker);
    for (const timer of this.#restarts) clearTimeout(timer);
    this.drain();
    if (this.#members.size === 0) return;
    for (const member of this.#members) {
      if (member.isReady) member.retire("shutdown");
      else member.kill("shutdown");
    }
    const killer = setTimeout(() => this.kill(), graceMs);
    await this.#allGone.promise;
    clearTimeout(killer);
  }

  /** Kills every child at once: what they ran is to run elsewhere, uncharged. */
  kill(): void {
    this.#closing = true;
    this.drain();
    for (const member of this.#members) member.kill("shutdown");
  }

  #spawn(): void {
    const member = new Member(
      this.#options,
      {
        onReady: (_, tasks) => {
          this.#startFailure = undefined;
          this.#killedStarts = 0;
          this.#tasks ??= tasks;
          this.#ready.resolve(this.#tasks);
          this.#options.onChange();
          this.#dispatch();
        },
        onFree: () => this.#onFree(),
        onMeasured: (ms) => this.#measure(ms),
        onGivenBack: (ticket) => this.#takeBack(ticket),
        onProgress: (...args) => this.#options.onProgress(...args),
        onLog: (...args) => this.#options.onLog(...args),
        onGone: (gone, exit) => this.#onGone(gone, exit),
        isFirstStart: () => this.#tasks === undefined,
      },
      this.#log,
    );
    this.#members.add(member);
  }

  #onFree(): void {
    if (this.#congested) {
      this.#congested = false;
      this.#options.onChange();
    }
    this.#failedStarts = 0;
    this.#replaceRetired();
    this.#dispatch();
  }

  /** One that retires ends when its runs have; its successor starts already. */
  #replaceRetired(): void {
    if (this.#closing) return;
    const taking = [...this.#members].filter((member) => !member.isRetiring).length;
    for (let i = taking + this.#restarts.size; i < this.#options.processes; i++) this.#spawn();
  }

  #measure(ms: number): void {
    this.#endedAt = performance.now();
    const before = this.capacity;
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs * 0.9 + ms * 0.1;
    if (this.capacity !== before) this.#options.onChange();
  }

  #takeBack(ticket: Ticket): void {
    if (ticket.stopped !== undefined) return ticket.settleStopped(0);
    if (this.#draining) return ticket.settle({ kind: "unstarted" });
    // It has waited already: before those that came after it.
    this.#held.unshift(ticket);
    this.#dispatch();
  }

  #releaseHeld(): void {
    for (const ticket of this.#held.splice(0)) ticket.settle({ kind: "unstarted" });
  }

  #dispatch(): void {
    const { concurrency } = this.#options;
    const limit = concurrency + pipeDepth(this.#meanMs, concurrency);
    while (this.#held.length > 0) {
      let freest: Member | undefined;
      for (const member of this.#members) {
        if (!member.hasPlace || member.load >= limit) continue;
        if (freest === undefined || member.load < freest.load) freest = member;
      }
      if (freest === undefined) return;
      const ticket = this.#held.shift();
      if (ticket === undefined) return;
      freest.send(ticket);
    }
  }

  /** No item waits behind a long one while another process or machine is idle. */
  #look(): void {
    for (const member of this.#members) member.takeBackTrapped();
    this.#killTooLarge();
    this.#killLargestIfShort();
    const [oldest] = this.#held;
    const now = performance.now();
    if (oldest === undefined || now - oldest.heldSince < MAX_WAIT_MS) return;
    // Tiny runs that the children are getting through take longer to give back than to do.
    const places = Math.max(1, this.ready) * this.#options.concurrency;
    const leftMs = (this.#held.length * (this.#meanMs ?? Infinity)) / places;
    if (now - this.#endedAt < LOOK_MS && leftMs < MAX_WAIT_MS) return;
    this.#congested = true;
    this.#options.onChange();
    this.#releaseHeld();
  }

  #killTooLarge(): void {
    const { maxMemoryPerChildMb } = this.#options;
    if (maxMemoryPerChildMb === 0) return;
    for (const member of this.#members) {
      const bytes = residentBytes(member.pid);
      if (bytes === undefined || bytes <= maxMemoryPerChildMb * HARD_MEMORY_FACTOR * 1024 * 1024) continue;
      this.#log.warn({ childPid: member.pid, bytes, maxMemoryPerChildMb }, "child killed: too much memory");
      member.killForMemory();
    }
  }

  /** Better one child that we choose than whatever the kernel takes at the container's limit. */
  #killLargestIfShort(): void {
    const { memory, processes } = this.#options;
    if (this.#victim !== undefined || !memory.isShort) return;
    let largest: { readonly member: Member; readonly bytes: number } | undefined;
    for (const member of this.#members) {
      const bytes = residentBytes(member.pid) ?? 0;
      if (bytes > (largest?.bytes ?? 0)) largest = { member, bytes };
    }
    // If none takes more than its share, what takes it is a program that a task has started: that one is the kernel's.
    if (largest === undefined || largest.bytes < memory.share(processes)) return;
    this.#victim = largest.member;
    this.#log.warn(
      { childPid: largest.member.pid, bytes: largest.bytes },
      "child killed: the container's memory is about to run out",
    );
    largest.member.killForMemory();
  }

  #onGone(member: Member, exit: ChildExit): void {
    this.#members.delete(member);
    if (this.#victim === member) this.#victim = undefined;
    const facts = { childPid: member.pid, ...exit };
    if (this.#closing || member.isRetired) this.#log.info(facts, "child ended");
    else {
      this.losses[lossReason(member, exit)]++;
      this.#log.warn(facts, "child lost");
    }
    if (!member.wasReady && !this.#wasKilledFromOutside(member, exit)) {
      this.#startFailure = member.startFailure(exit);
      if (this.#tasks === undefined) this.#ready.reject(this.#startFailure);
    }
    this.#options.onChange();
    if (this.#closing) {
      if (this.#members.size === 0) this.#allGone.resolve();
      return;
    }
    // A child that worked is replaced at once; one that never got so far must not be started in a hot loop.
    if (member.hasWorked || member.wasKilled || member.isRetired) this.#replaceRetired();
    else this.#respawnLater();
    this.#dispatch();
  }

  /** Somebody's SIGKILL says nothing of the module, unless it comes at every start. */
  #wasKilledFromOutside(member: Member, { signal, outOfMemory }: ChildExit): boolean {
    if (this.#closing || signal !== "SIGKILL" || outOfMemory || member.hasStartError) return false;
    return ++this.#killedStarts < MAX_KILLED_STARTS;
  }

  #respawnLater(): void {
    const delayMs = Math.min(100 * 2 ** this.#failedStarts++, MAX_RESTART_DELAY_MS);
    const timer = setTimeout(() => {
      this.#restarts.delete(timer);
      if (!this.#closing) this.#spawn();
    }, delayMs);
    this.#restarts.add(timer);
  }
}

function lossReason({ wasKilled }: Member, { outOfMemory, signal }: ChildExit): ChildLossReason {
  if (wasKilled) return "stopped_task";
  if (outOfMemory) return "out_of_memory";
  return signal === null ? "exit" : "signal";
}
