/**
 * The hosts of a machine or a pool: hands each run to a free one, notices dead ones and replaces them.
 *
 *   held ──free host──▶ sent ──done──▶ ended "done"
 *    ▲                    │
 *    └── only waited ─────┴──host died──▶ running: ended "lost"
 */

import { clearTimeout, setTimeout } from "node:timers";

import type { TasksModuleError } from "@poolmq/shared";
import type { ChildDetail, TaskInfo } from "@poolmq/shared/internal";

import type { CrewLog } from "../host/crew-log.ts";
import type { CrewOptions } from "./crew-options.ts";
import { CrewStart } from "./crew-start.ts";
import { FetchAhead } from "./fetch-ahead.ts";
import { HeldRuns } from "./held-runs.ts";
import type { HostExit } from "../host/host.ts";
import { Looker } from "./looker.ts";
import type { LookPace } from "./looker.ts";
import { lossReason, noLosses } from "./loss-reason.ts";
import type { ChildLossReason } from "./loss-reason.ts";
import { Member } from "./member.ts";
import type { MemberEvents } from "./member-options.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { Roster } from "./roster.ts";
import { Ticket } from "../runs/run.ts";
import type { Run, RunEnd } from "../runs/run.ts";

export class Crew {
  /** Number of hosts that ended unexpectedly since the start, by reason. */
  readonly losses: Record<ChildLossReason, number> = noLosses();
  readonly #options: CrewOptions;
  readonly #log: CrewLog;
  readonly #members: Roster;
  readonly #held = new HeldRuns();
  readonly #ahead: FetchAhead;
  readonly #memory: MemoryWatch;
  readonly #looker = new Looker(
    () => this.#members.readQuiet(),
    (asksForSign) => this.#look(asksForSign),
  );
  #closing = false;
  readonly #start = new CrewStart();

  constructor(options: CrewOptions, log: CrewLog) {
    this.#options = options;
    this.#members = new Roster(options.processes);
    this.#log = log;
    this.#ahead = new FetchAhead(options.processes, options.concurrency);
    this.#memory = new MemoryWatch(options, log);
  }

  /** Starts the hosts; gives the registered functions once the first of them is ready. */
  async start(): Promise<Readonly<Record<string, TaskInfo>>> {
    for (let i = 0; i < this.processes; i++) this.#spawn();
    return await this.#start.ready;
  }

  /** Sets whether the crew's clock keeps this process alive, as it does at first. Its hosts and other timers never do. */
  ref(alive: boolean): void {
    this.#looker.ref(alive);
  }

  /** Process ids of the living hosts; of threads, their numbers. */
  get pids(): number[] {
    return this.#members.pids;
  }

  /** Number of hosts that can run something. */
  get ready(): number {
    return this.#members.ready;
  }

  /** Resident memory of all hosts together, as far as the system tells. */
  get memoryBytes(): number {
    return this.#members.memoryBytes;
  }

  /** Jobs that wait here or in a pipe, and jobs that run. */
  get jobs(): { readonly waiting: number; readonly running: number } {
    const { sent, running } = this.#members.load;
    return { waiting: this.#held.size + sent - running, running };
  }

  /** How many more runs could begin immediately. */
  get idlePlaces(): number {
    return this.#held.size > 0 ? 0 : this.#members.idlePlaces(this.#options.concurrency);
  }

  /** What each host runs and ran. */
  get details(): ChildDetail[] {
    return this.#members.details;
  }

  /** While no host is ready: why the last one failed to become ready. */
  get startFailure(): TasksModuleError | undefined {
    return this.ready === 0 ? this.#start.failure : undefined;
  }

  /** How many jobs are worth fetching now: what runs, and a little ahead if the functions are short. */
  get capacity(): number {
    return this.#ahead.capacity;
  }

  /** How long outcomes may wait for others before they go to Redis, in ms, because the hosts have other work meanwhile. */
  get outcomeWaitMs(): number {
    if (this.#looker.isReading) return 0;
    return this.#ahead.outcomeWaitMs(this.#held.size + this.#members.waiting(this.#options.concurrency));
  }

  /** Runs a job on the next free host. Never rejects. */
  run(run: Run): Promise<RunEnd> {
    return new Promise((settle) => this.begin(run, settle));
  }

  /** The same, without a promise. @param settle - called once; must not throw */
  begin(run: Run, settle: (end: RunEnd) => void): void {
    if (!this.#held.add(new Ticket(run, settle))) return;
    if (this.#ahead.came(run)) this.#options.onChange();
    this.#dispatch();
    this.#looker.wake(this.#held.size > 0);
  }

  /** Starts no more runs, and hands back those that no host has begun. */
  drain(): void {
    this.#held.close();
  }

  /** Stops the runs of a map, or of its `jobs` (first indices): those that wait at once, those that run by their signal, then by killing their host. */
  cancel(mapId: string, jobs?: readonly number[]): void {
    const isMeant = ({ run }: Ticket): boolean =>
      run.map === mapId && (jobs === undefined || jobs.includes(run.at));
    this.#held.cancel(isMeant);
    for (const member of this.#members) member.stop("cancelled", isMeant);
  }

  /** Number of hosts that there should be. */
  get processes(): number {
    return this.#members.wanted;
  }

  /** Starts hosts, or lets the least busy ones end, until there are `processes`. */
  resize(processes: number): void {
    this.#members.wanted = processes;
    this.#ahead.resize(processes);
    const surplus = this.#members.stayingCount - processes;
    if (surplus > 0) for (const member of this.#members.staying.slice(0, surplus)) member.retire("resized");
    else this.#replaceRetired();
    this.#options.onChange();
  }

  /** Its hosts, for what is asked of a single one. */
  get members(): Pick<Roster, "cut" | "killItem" | "stackOf"> {
    return this.#members;
  }

  /**
   * Stops all runs, first by their signals, then by killing their hosts. They are to run elsewhere, and are not charged.
   */
  stopAll(): void {
    this.drain();
    for (const member of this.#members) member.stop("shutdown", () => true);
  }

  /** Makes the hosts forget a shared value. */
  unshare(id: string): void {
    for (const member of this.#members) member.unshare(id);
  }

  /** Lets the hosts run their finalizers and end; kills those that are left after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#start.again.stop();
    this.drain();
    this.ref(true); // until all are gone
    for (const member of this.#members) {
      if (member.isReady) member.retire("shutdown");
      else if (!member.isStopping) member.kill("shutdown");
    }
    const killer = setTimeout(() => this.kill(), graceMs);
    await this.#members.empty();
    clearTimeout(killer);
    this.#looker.stop();
  }

  /** Kills every host at once. Their runs are to run elsewhere, and are not charged. */
  kill(): void {
    this.#closing = true;
    this.drain();
    for (const member of this.#members) member.kill("shutdown");
  }

  #spawn(): void {
    const events: MemberEvents = {
      onReady: (tasks) => this.#onReady(tasks),
      onFree: () => this.#onFree(),
      onMeasured: (ms) => {
        if (this.#ahead.measured(ms)) this.#options.onChange();
      },
      onGivenBack: (ticket) => this.#takeBack(ticket),
      onProgress: (...args) => this.#options.onProgress(...args),
      onLog: (...args) => this.#options.onLog(...args),
      onGone: (...args) => this.#onGone(member, ...args),
      isFirstStart: () => !this.#start.wasReady,
    };
    const member = new Member(this.#options, events, this.#log);
    this.#members.add(member);
  }

  #onReady(tasks: Readonly<Record<string, TaskInfo>>): void {
    this.#start.succeeded(tasks);
    this.#options.onChange();
    this.#dispatch();
  }

  #onFree(): void {
    if (this.#ahead.freed()) this.#options.onChange();
    this.#start.again.hasWorked();
    this.#replaceRetired();
    this.#dispatch();
    if (this.#held.size === 0 && this.#ahead.paced !== undefined)
      this.#members.spread(this.#options.concurrency);
  }

  /** Starts a successor for each retiring host, which itself ends when its runs have ended. */
  #replaceRetired(): void {
    const missing = this.#closing
      ? 0
      : this.processes - this.#start.again.pending - this.#members.stayingCount;
    if (missing <= 0) return;
    for (let i = 0; i < missing; i++) this.#spawn();
    // If finalizers take longer than items, hosts that run theirs would pile up: kill the oldest above one per process.
    for (const member of this.#members.stopping.slice(0, -this.processes)) member.kill("shutdown");
  }

  #takeBack(ticket: Ticket): void {
    if (ticket.stopped !== undefined) return ticket.settleStopped(0);
    this.#held.takeBack(ticket);
    this.#dispatch();
  }

  #dispatch(): void {
    for (let { oldest } = this.#held; oldest !== undefined; { oldest } = this.#held) {
      const { paced } = this.#ahead;
      const freest = this.#members.freest(this.#ahead.perHostFor(oldest.run), oldest.run, paced);
      if (freest === undefined) return;
      this.#held.removeOldest();
      freest.send(oldest, paced !== undefined);
    }
  }

  /**
   * Takes back runs that wait behind a long one, so that none waits while another host or machine is idle. Gives how soon
   * the next look is to come.
   */
  #look(asksForSign: boolean): LookPace {
    const free = this.#members.freest(this.#options.concurrency);
    for (const member of this.#members) {
      member.back.revokeTrapped(free !== undefined && free !== member, this.#ahead.longMs);
      if (asksForSign) member.tick();
    }
    this.#memory.look(this.#members);
    const { oldest } = this.#held;
    if (oldest === undefined || this.#closing) {
      const pace = this.#members.paceOfLooks(this.#options.concurrency);
      return pace === "calm" && this.#memory.isWatching ? "often" : pace;
    }
    if (this.#ahead.givesUp(oldest.heldSince, this.#held.size, this.ready)) {
      this.#options.onChange();
      this.#held.release();
    }
    return "often";
  }

  #onGone(member: Member, exit: HostExit, charged: readonly Ticket[]): void {
    const { start } = member;
    this.#members.delete(member);
    this.#memory.gone(member);
    const { refused, ...facts } = exit;
    const told = { childPid: member.pid, ...facts, ...(refused === undefined ? {} : { err: refused }) };
    if (this.#closing || start.wasRetired) this.#log.info(told, "child ended");
    else {
      this.losses[lossReason(member.wasKilled, exit)]++;
      this.#log.warn({ ...told, items: charged.map((ticket) => ticket.facts) }, "child lost");
    }
    if (exit.refused !== undefined) this.#start.refused(exit.refused, this.#members.size === 0);
    else if (!start.wasReady && (this.#closing || this.#start.again.blamesModule(exit, start))) {
      this.#start.failed(start.failure(exit));
    }
    this.#options.onChange();
    if (this.#closing) return;
    // A host that was at work had loaded its module, and its run is charged, which bounds how often this can happen.
    const wasAtWork = member.hasWorked || charged.some(({ begun }) => begun);
    if (wasAtWork || member.wasKilled || start.wasRetired) this.#replaceRetired();
    else this.#start.again.startLater(() => this.#replaceRetired());
    this.#dispatch();
  }
}
