/**
 * The children of a worker machine: hands each run to a free child, notices dead ones and replaces them.
 *
 *   held ──free child──▶ sent ──done──▶ ended "done"
 *    ▲                    │
 *    └──── only waited ───┴──child died──▶ running: ended "lost"
 */

import type { Logger } from "pino";

import { decodeThrown } from "@poolmq/shared/internal";
import type {
  FromChild,
  ItemOutcome,
  OutcomeText,
  Payload,
  TaskInfo,
  ToChild,
} from "@poolmq/shared/internal";

import { ChildProcess } from "./child-process.ts";
import type { ChildExit } from "./child-process.ts";
import { TasksModuleError } from "./errors.ts";

/** What a child is asked to run: one job. */
export interface Run {
  readonly fn: string;
  readonly map: string;
  readonly at: number;
  readonly n: number;
  readonly attempt: number;
  readonly args: Payload;
  /** Report each item's start and outcome. */
  readonly careful: boolean;
  /** Offsets of items that are not to be run. */
  readonly skip: readonly number[];
  readonly shares: readonly SharedArgument[];
  /** Time limit of the function for each item, in ms, from its start. */
  readonly timeoutMs: number | undefined;
}

/** An argument of every tuple of a job that is a shared value. */
export interface SharedArgument {
  readonly position: number;
  readonly id: string;
  readonly payload: Payload;
}

/** What came of it. */
export type RunEnd =
  | (Partly & {
      readonly kind: "done";
      /** Empty after a careful run: `outcomes` has it all. */
      readonly text: OutcomeText;
      /** How many items failed in a way that another attempt may mend. */
      readonly retriable: number;
      readonly ms: number;
    })
  /** Its child died while running it. */
  | (Partly & { readonly kind: "lost"; readonly exit: ChildExit })
  /** An item took longer than `timeoutMs`: it stopped when asked to, or its child was killed. */
  | (Partly & { readonly kind: "timeout" })
  /** Its map was cancelled. */
  | { readonly kind: "cancelled" }
  /** The machine shuts down and never started it. */
  | { readonly kind: "unstarted" };

/** How far a run came. */
interface Partly {
  readonly pid: number;
  /** Outcomes of items by offset, as far as they were reported one by one. */
  readonly outcomes: ReadonlyMap<number, ItemOutcome>;
  /** Offset of the item that was running; `undefined` if nobody knows. */
  readonly running: number | undefined;
}

export interface ChildrenOptions {
  readonly module: string;
  readonly workerId: string;
  readonly processes: number;
  readonly concurrency: number;
  /** Largest result or error of an item, in bytes. */
  readonly maxOutcomeBytes: number;
  readonly env: Readonly<Record<string, string>>;
  /** How long a function that was told to stop may go on before its process is killed, in ms. */
  readonly killGraceMs: number;
  /** How long a child may take to load the module and run its initializer, in ms. */
  readonly startTimeoutMs: number;
  /** A running task said something of its progress. */
  readonly onProgress: (mapId: string, index: number, payload: Payload) => void;
}

interface Ticket {
  readonly run: Run;
  readonly settle: (end: RunEnd) => void;
  /** Offset of the item that is running, as far as we know. */
  current: number | undefined;
  readonly outcomes: Map<number, ItemOutcome>;
  /** Why it was told to stop, if it was. */
  stopped: "timeout" | "cancelled" | undefined;
  /** Runs while the function runs: the time limit, then the grace period. */
  timer: NodeJS.Timeout | undefined;
  running: boolean;
}

interface Member {
  readonly child: ChildProcess;
  state: "starting" | "ready" | "gone";
  /** Runs sent and not yet answered, oldest first. The child starts them in this order. */
  readonly sent: Map<number, Ticket>;
  /** Ids of the shared values that it has. */
  readonly shares: Set<string>;
  answered: number;
  /** We killed it, to stop one of its runs: the others on it are not to blame. */
  killed: boolean;
  startTimer: NodeJS.Timeout | undefined;
  /** Why it never became ready, if it said so or we know. */
  startError: unknown;
}

/** A child that dies before it answered anything is replaced after 100 ms, 200 ms, … up to this. */
const MAX_RESTART_DELAY_MS = 5_000;

/** Runs worth this much time may wait in a child's pipe: enough to hide the pipe, too little to matter to anyone. */
const PIPE_DEPTH_MS = 1;
const MAX_PIPE_DEPTH = 32;

/** Jobs worth this much time may be held here per child, which hides the round trip to Redis. */
const HELD_MS = 20;
const MAX_HELD = 64;

export class Children {
  readonly #options: ChildrenOptions;
  readonly #log: Logger;
  readonly #members = new Set<Member>();
  readonly #held: Ticket[] = [];
  readonly #restarts = new Set<NodeJS.Timeout>();
  #nextRun = 1;
  #failedStarts = 0;
  #draining = false;
  #closing = false;
  /** Moving mean of the run time of a job, in ms; `undefined` before the first. */
  #meanMs: number | undefined;
  #tasks: Readonly<Record<string, TaskInfo>> | undefined;
  readonly #ready = Promise.withResolvers<Readonly<Record<string, TaskInfo>>>();
  readonly #allGone = Promise.withResolvers<void>();
  #onCapacity: () => void = () => {};

  constructor(options: ChildrenOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#ready.promise.catch(() => {}); // `start()` hands it out; nobody else need listen
  }

  /** Starts the processes; gives the registered functions once the first child is ready. */
  async start(): Promise<Readonly<Record<string, TaskInfo>>> {
    for (let i = 0; i < this.#options.processes; i++) this.#spawn();
    return await this.#ready.promise;
  }

  /** Process ids of the living children. */
  get pids(): number[] {
    return [...this.#members].map((member) => member.child.pid);
  }

  /** Number of children that can run something. */
  get ready(): number {
    return [...this.#members].filter((member) => member.state === "ready").length;
  }

  /** How many jobs are worth fetching now: what runs, and a little ahead if the functions are short. */
  get capacity(): number {
    const ahead = this.#meanMs === undefined ? 0 : Math.min(MAX_HELD, Math.floor(HELD_MS / this.#meanMs));
    return Math.max(1, this.#options.processes * (this.#options.concurrency + ahead));
  }

  /** Calls back when `capacity` may have changed. */
  onCapacity(callback: () => void): void {
    this.#onCapacity = callback;
  }

  /** Runs a job on the next free child. Never rejects. */
  run(run: Run): Promise<RunEnd> {
    return new Promise((settle) => {
      if (this.#draining) return settle({ kind: "unstarted" });
      this.#held.push({
        run,
        settle,
        // A job of one item needs no report to know which one runs.
        current: run.n === 1 ? 0 : undefined,
        outcomes: new Map(),
        stopped: undefined,
        timer: undefined,
        running: false,
      });
      this.#dispatch();
    });
  }

  /** Starts nothing new, and hands back what no child was given. */
  drain(): void {
    this.#draining = true;
    for (const ticket of this.#held.splice(0)) ticket.settle({ kind: "unstarted" });
  }

  /** Stops the runs of a map: those that wait at once, those that run by their signal, then by killing their child. */
  cancel(mapId: string): void {
    for (const ticket of this.#held.filter(({ run }) => run.map === mapId)) {
      this.#held.splice(this.#held.indexOf(ticket), 1);
      ticket.settle({ kind: "cancelled" });
    }
    for (const member of this.#members) {
      for (const [id, ticket] of member.sent) {
        if (ticket.run.map === mapId) this.#stopRun(member, id, ticket, "cancelled");
      }
    }
  }

  /** Makes the children forget a shared value. */
  unshare(id: string): void {
    for (const member of this.#members) {
      if (member.shares.delete(id)) member.child.send({ t: "unshare", id });
    }
  }

  /** Lets the children run their finalizers and exit; kills those that are left after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    this.drain();
    if (this.#members.size === 0) return;
    for (const member of this.#members) member.child.send({ t: "stop" });
    const killer = setTimeout(() => this.kill(), graceMs);
    await this.#allGone.promise;
    clearTimeout(killer);
  }

  /** Kills every child at once. */
  kill(): void {
    this.#closing = true;
    for (const member of this.#members) member.child.kill();
  }

  #spawn(): void {
    const member: Member = {
      child: new ChildProcess(this.#options, {
        onMessage: (message, text) => this.#onMessage(member, message, text),
        onExit: (exit) => this.#onExit(member, exit),
      }),
      state: "starting",
      sent: new Map(),
      shares: new Set(),
      answered: 0,
      killed: false,
      startTimer: setTimeout(() => {
        this.#log.error(
          { childPid: member.child.pid, limitMs: this.#options.startTimeoutMs },
          "child did not start in time",
        );
        member.startError = new Error(
          `it was not ready within \`startTimeoutMs\` (${this.#options.startTimeoutMs} ms): its import or its initializer does not end`,
        );
        member.child.kill();
      }, this.#options.startTimeoutMs),
      startError: undefined,
    };
    this.#members.add(member);
  }

  #onMessage(member: Member, message: FromChild, text: Payload): void {
    switch (message.t) {
      case "ready":
        member.state = "ready";
        clearTimeout(member.startTimer);
        this.#tasks ??= message.tasks;
        this.#ready.resolve(this.#tasks);
        this.#log.info({ childPid: member.child.pid }, "child ready");
        this.#dispatch();
        return;
      case "unfit": {
        const error = new TasksModuleError({
          module: this.#options.module,
          phase: message.phase,
          cause: decodeThrown(text),
        });
        this.#log.error({ childPid: member.child.pid, phase: message.phase, err: error }, "child unfit");
        member.startError = error;
        return;
      }
      case "start": {
        const ticket = member.sent.get(message.id);
        if (ticket === undefined || ticket.stopped !== undefined) return;
        ticket.current = message.offset;
        this.#startClock(member, message.id, ticket);
        return;
      }
      case "item": {
        const ticket = member.sent.get(message.id);
        // One that was told to stop has its outcome: that it was stopped.
        if (ticket === undefined || ticket.stopped !== undefined) return;
        clearTimeout(ticket.timer);
        ticket.outcomes.set(message.offset, JSON.parse(text) as ItemOutcome);
        ticket.current = undefined;
        return;
      }
      case "done": {
        const ticket = member.sent.get(message.id);
        if (ticket === undefined) return;
        member.sent.delete(message.id);
        clearTimeout(ticket.timer);
        member.answered++;
        this.#failedStarts = 0;
        const pid = member.child.pid;
        if (ticket.stopped === undefined) {
          this.#measure(message.ms);
          const { retriable, ms } = message;
          ticket.settle({ kind: "done", text, retriable, ms, ...partly(ticket, pid) });
        } else {
          ticket.settle(stoppedEnd(ticket, pid));
        }
        this.#markRunning(member);
        this.#dispatch();
        return;
      }
      case "progress": {
        const ticket = member.sent.get(message.id);
        if (ticket !== undefined) this.#options.onProgress(ticket.run.map, message.index, text);
        return;
      }
      default:
        message satisfies never;
    }
  }

  #measure(ms: number): void {
    const before = this.capacity;
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs * 0.9 + ms * 0.1;
    if (this.capacity !== before) this.#onCapacity();
  }

  #pipeDepth(): number {
    if (this.#meanMs === undefined) return 0;
    return Math.min(MAX_PIPE_DEPTH, Math.floor(PIPE_DEPTH_MS / this.#meanMs));
  }

  /** Of the runs sent to a child, the oldest are running. Their clocks start when they get there. */
  #markRunning(member: Member): void {
    let place = 0;
    for (const [id, ticket] of member.sent) {
      if (place++ >= this.#options.concurrency) return;
      if (ticket.running) continue;
      ticket.running = true;
      this.#startClock(member, id, ticket);
    }
  }

  #startClock(member: Member, id: number, ticket: Ticket): void {
    const { timeoutMs } = ticket.run;
    if (timeoutMs === undefined || ticket.stopped !== undefined) return;
    clearTimeout(ticket.timer);
    ticket.timer = setTimeout(() => this.#stopRun(member, id, ticket, "timeout"), timeoutMs);
  }

  #stopRun(member: Member, id: number, ticket: Ticket, why: "timeout" | "cancelled"): void {
    if (ticket.stopped !== undefined) return;
    ticket.stopped = why;
    clearTimeout(ticket.timer);
    member.child.send({ t: "abort", id, reason: why });
    ticket.timer = setTimeout(() => {
      // One that only waits in the pipe is skipped when its turn comes. Whoever runs before it keeps its process.
      if (!ticket.running) return;
      this.#log.warn(
        { childPid: member.child.pid, mapId: ticket.run.map, index: ticket.run.at, why },
        "child killed",
      );
      member.killed = true;
      member.child.kill();
    }, this.#options.killGraceMs);
  }

  #dispatch(): void {
    if (this.#held.length === 0) return;
    const limit = this.#options.concurrency + this.#pipeDepth();
    for (;;) {
      let freest: Member | undefined;
      for (const member of this.#members) {
        if (member.state !== "ready" || member.sent.size >= limit) continue;
        if (freest === undefined || member.sent.size < freest.sent.size) freest = member;
      }
      if (freest === undefined) return;
      const ticket = this.#held.shift();
      if (ticket === undefined) return;
      const id = this.#nextRun++;
      freest.sent.set(id, ticket);
      this.#send(freest, id, ticket.run);
      this.#markRunning(freest);
    }
  }

  #send(member: Member, id: number, run: Run): void {
    const { args, careful, skip, shares, fn, map, at, n, attempt } = run;
    for (const { id: shareId, payload } of shares) {
      if (member.shares.has(shareId)) continue;
      member.shares.add(shareId);
      member.child.send({ t: "share", id: shareId }, payload);
    }
    const message: ToChild = {
      t: "run",
      id,
      fn,
      map,
      at,
      n,
      attempt,
      ...(careful ? { careful } : {}),
      ...(skip.length === 0 ? {} : { skip }),
      ...(shares.length === 0
        ? {}
        : { shares: shares.map(({ position, id: shareId }) => [position, shareId] as const) }),
    };
    member.child.send(message, args);
  }

  #onExit(member: Member, exit: ChildExit): void {
    const wasStarting = member.state === "starting";
    member.state = "gone";
    clearTimeout(member.startTimer);
    this.#members.delete(member);
    const pid = member.child.pid;
    // A child starts its runs in order and answers one before it starts the next: the oldest unanswered were running.
    const unanswered = [...member.sent.values()];
    if (this.#closing) this.#log.info({ childPid: pid, ...exit }, "child ended");
    else this.#log.warn({ childPid: pid, ...exit, unanswered: unanswered.length }, "child lost");
    if (wasStarting && this.#tasks === undefined) this.#ready.reject(this.#startFailure(member, exit));
    const again: Ticket[] = [];
    for (const ticket of unanswered) {
      clearTimeout(ticket.timer);
      if (ticket.stopped !== undefined) ticket.settle(stoppedEnd(ticket, pid));
      else if (ticket.running && !member.killed)
        ticket.settle({ kind: "lost", exit, ...partly(ticket, pid) });
      else if (this.#draining) ticket.settle({ kind: "unstarted" });
      else again.push(Object.assign(ticket, { running: false }));
    }
    this.#held.unshift(...again);
    if (this.#closing) {
      if (this.#members.size === 0) this.#allGone.resolve();
      return;
    }
    // A child that worked is replaced at once; one that never got so far must not be started in a hot loop.
    if (member.answered > 0 || member.killed) this.#spawn();
    else this.#respawnLater();
    this.#dispatch();
  }

  #startFailure(member: Member, { exitCode, signal }: ChildExit): TasksModuleError {
    if (member.startError instanceof TasksModuleError) return member.startError;
    const cause =
      member.startError ?? new Error(`exit code ${exitCode}, signal ${signal}, before it was ready`);
    return new TasksModuleError({ module: this.#options.module, phase: "exit", cause });
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

function partly({ outcomes, current }: Ticket, pid: number): Partly {
  return { pid, outcomes, running: current };
}

function stoppedEnd(ticket: Ticket, pid: number): RunEnd {
  return ticket.stopped === "timeout" ? { kind: "timeout", ...partly(ticket, pid) } : { kind: "cancelled" };
}
