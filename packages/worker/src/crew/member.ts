/**
 * One child of a machine, and the runs that were sent to it.
 *
 * States:
 * - `starting`: loads the module. Leaves to `ready`, or to `gone` if it can't.
 * - `ready`: takes runs. Leaves to `retiring` with `retire()`, to `gone` when its process ends.
 * - `retiring`: takes none; ends once it has answered those that it has. Leaves to `gone`.
 * - `gone`.
 */

import type { Logger } from "pino";

import { decodeThrown } from "@poolmq/shared/task";
import type { ChildDetail, ItemOutcome, Payload, TaskInfo } from "@poolmq/shared/internal";

import { ChildProcess } from "./process-host.ts";
import type { ChildExit } from "./process-host.ts";
import { TasksModuleError } from "@poolmq/shared";
import type { ContainerMemory } from "./container-memory.ts";
import { placesFor } from "../pipe/pipe-depth.ts";
import type { FromChild, FromGuard, ToChild } from "../pipe/pipe-messages.ts";
import { residentBytes } from "./resident-bytes.ts";
import type { Run, StopReason, Ticket } from "./run.ts";
import { SpanLog } from "./span-log.ts";
import type { TaskOutput } from "../output/task-output.ts";

export interface MemberOptions {
  readonly module: string;
  readonly workerId: string;
  readonly concurrency: number;
  /** Largest result or error of an item, in bytes. */
  readonly maxOutcomeBytes: number;
  readonly redactRemoteStacks: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** How long a function that was told to stop may go on before its process is killed, in ms. */
  readonly killGraceMs: number;
  /** How long a child may take to load the module and run its initializer, in ms. */
  readonly startTimeoutMs: number;
  /** Items that a child runs before it is replaced; 0 for no limit. */
  readonly maxTasksPerChild: number;
  /** Memory above which a child is replaced between items, in MiB; 0 for no limit. */
  readonly maxMemoryPerChildMb: number;
  readonly memory: ContainerMemory;
  /** Flags of Node that limit a child's heap. */
  readonly heapFlags: readonly string[];
  /** Where what the tasks print and log goes. */
  readonly output: TaskOutput;
}

export interface MemberEvents {
  onReady(member: Member, tasks: Readonly<Record<string, TaskInfo>>): void;
  /** It can take another run, or will take no more. */
  onFree(member: Member): void;
  /** A job ran for `ms`. */
  onMeasured(ms: number): void;
  /** A run that it had not begun is to run elsewhere. */
  onGivenBack(ticket: Ticket): void;
  onProgress(mapId: string, index: number, payload: Payload): void;
  /** @param line - a `LogLine` as JSON */
  onLog(run: Run, index: number, pid: number, line: string): void;
  onGone(member: Member, exit: ChildExit): void;
  /** No child of the machine has become ready yet. */
  isFirstStart(): boolean;
}

interface Sent {
  readonly ticket: Ticket;
  readonly slot: number;
  /** It was asked for back. */
  revoking: boolean;
  /** It was given back: the child will skip it. */
  revoked: boolean;
}

export class Member {
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #log: Logger;
  readonly #child: ChildProcess;
  /** Runs sent and not yet answered, oldest first. The child begins them in this order. */
  readonly #sent = new Map<number, Sent>();
  readonly #freeSlots: number[];
  /** Runs that ended while they were asked for back: their places are free once the guard has answered. */
  readonly #ended = new Map<number, Sent>();
  /** Ids of the shared values that it has. */
  readonly #shares = new Set<string>();
  readonly #startTimer: NodeJS.Timeout;
  readonly #spans = new SpanLog();
  #state: "starting" | "ready" | "retiring" | "gone" = "starting";
  #nextId = 1;
  #items = 0;
  /** The oldest run when it was last looked: one that is still there has run long. */
  #oldestBefore: number | undefined;
  /** Why it never became ready, if it said so or we know. */
  #startError: unknown;
  /** We killed it, to stop one of its runs: the others on it are not to blame. */
  #killed = false;
  #wasReady = false;
  #retired = false;

  constructor(options: MemberOptions, events: MemberEvents, log: Logger) {
    this.#options = options;
    this.#events = events;
    this.#log = log;
    this.#freeSlots = Array.from({ length: placesFor(options.concurrency) }, (_, slot) => slot);
    this.#child = new ChildProcess(options, {
      onMessage: (...frame) => this.#onMessage(...frame),
      onGuard: (message) => this.#onGuard(message),
      onExit: (exit) => this.#onExit(exit),
    });
    this.#startTimer = setTimeout(() => this.#startTooLong(), options.startTimeoutMs);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** It takes no more runs, but has not ended. */
  get isRetiring(): boolean {
    return this.#state === "retiring";
  }

  /** It was told to end. */
  get isRetired(): boolean {
    return this.#retired;
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** It has answered a run: its module works. */
  get hasWorked(): boolean {
    return this.#items > 0;
  }

  get wasKilled(): boolean {
    return this.#killed;
  }

  /** Number of runs that it has. */
  get load(): number {
    return this.#sent.size;
  }

  /** Number of runs that run, as far as we know. */
  get running(): number {
    return [...this.#sent.values()].filter(({ ticket, revoked }) => ticket.running && !revoked).length;
  }

  /** What it runs and ran, for who watches; `undefined` once it is gone. */
  get detail(): ChildDetail | undefined {
    if (this.#state === "gone") return undefined;
    const rss = residentBytes(this.pid);
    const shift = Date.now() - performance.now();
    const runs = [...this.#sent.values()].flatMap(({ ticket, revoked }) => {
      if (!ticket.running || revoked) return [];
      const { fn: task, map, at, n, attempt } = ticket.run;
      const offset = n === 1 ? undefined : ticket.current;
      const sinceMs = Math.round(ticket.runningSince + shift);
      return [{ task, map, at, n, ...(offset === undefined ? {} : { offset }), attempt, sinceMs }];
    });
    return {
      pid: this.pid,
      state: this.#state,
      items: this.#items,
      ...(rss === undefined ? {} : { rss }),
      runs,
      spans: this.#spans.recent(),
    };
  }

  get hasPlace(): boolean {
    if (this.#state !== "ready" || this.#freeSlots.length === 0) return false;
    const { maxTasksPerChild } = this.#options;
    return maxTasksPerChild === 0 || this.#items + this.#sent.size < maxTasksPerChild;
  }

  /** Sends a run. Needs a place. */
  send(ticket: Ticket): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new Error("unreachable: a run was sent to a child without a place");
    const id = this.#nextId++;
    this.#sent.set(id, { ticket, slot, revoking: false, revoked: false });
    const { args, bytes, careful, skip, shares, fn, map, at, n, attempt, trace, logs } = ticket.run;
    for (const { id: shareId, payload, bytes: shareBytes } of shares) {
      if (this.#shares.has(shareId)) continue;
      this.#shares.add(shareId);
      this.#child.send({ t: "share", id: shareId }, payload, shareBytes);
    }
    const message: ToChild = {
      t: "run",
      id,
      slot,
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
      ...(trace === undefined ? {} : { trace }),
      ...(logs ? { logs } : {}),
    };
    this.#child.send(message, args, bytes);
    // It waits for this one.
    if (this.#sent.size === 1) this.#child.flush();
    this.#markRunning();
  }

  /** Tells the runs that match to stop. */
  stop(why: StopReason, matches: (ticket: Ticket) => boolean): void {
    for (const [id, { ticket, revoked }] of this.#sent) {
      if (!revoked && matches(ticket)) this.#stopRun(id, ticket, why);
    }
  }

  /**
   * Asks for the runs back that wait behind one that has been running since the last call: somebody else may be free.
   */
  takeBackTrapped(): void {
    const [oldest] = this.#sent.keys();
    const trapped =
      oldest !== undefined && oldest === this.#oldestBefore && this.#sent.size > this.#options.concurrency;
    this.#oldestBefore = oldest;
    if (!trapped) return;
    for (const [id, sent] of this.#sent) {
      if (sent.ticket.running || sent.revoking || sent.revoked || sent.ticket.stopped !== undefined) continue;
      sent.revoking = true;
      this.#child.sendToGuard({ t: "revoke", id, slot: sent.slot });
    }
  }

  unshare(id: string): void {
    if (this.#shares.delete(id)) this.#child.send({ t: "unshare", id });
  }

  /** Takes no more runs; ends when it has answered those that it has. */
  retire(why: string): void {
    if (this.#state === "ready") {
      this.#log.info({ childPid: this.pid, why, items: this.#items }, "child retiring");
      this.#state = "retiring";
      this.#retired = true;
    }
    this.#stopIfRetired();
  }

  /** Ends it at once; what it runs is to run elsewhere, uncharged. */
  kill(why: StopReason): void {
    for (const { ticket } of this.#sent.values()) ticket.stopped ??= why;
    this.#child.kill();
  }

  /** Ends it at once because it takes too much memory: the running items are charged. */
  killForMemory(): void {
    this.#child.kill("SIGKILL", { outOfMemory: true });
  }

  /** It has said, or we know, why it does not become ready. */
  get hasStartError(): boolean {
    return this.#startError !== undefined;
  }

  /** What its start failed of, if it never became ready. */
  startFailure({ exitCode, signal }: ChildExit): TasksModuleError {
    if (this.#startError instanceof TasksModuleError) return this.#startError;
    const cause =
      this.#startError ?? new Error(`exit code ${exitCode}, signal ${signal}, before it was ready`);
    return new TasksModuleError({ module: this.#options.module, phase: "exit", cause });
  }

  #startTooLong(): void {
    const { startTimeoutMs } = this.#options;
    this.#startError = new Error(
      `it was not ready within \`startTimeoutMs\` (${startTimeoutMs} ms): its import or its initializer does not end`,
    );
    this.#log.error({ childPid: this.pid, startTimeoutMs }, "child did not start in time");
    this.#child.kill();
  }

  #onMessage(message: FromChild, text: Payload, bytes: Buffer | undefined): void {
    switch (message.t) {
      case "ready":
        clearTimeout(this.#startTimer);
        this.#wasReady = true;
        if (this.#state === "starting") this.#state = "ready";
        this.#log.info({ childPid: this.pid }, "child ready");
        this.#events.onReady(this, message.tasks);
        return;
      case "unfit": {
        const { module } = this.#options;
        const { phase } = message;
        const cause = decodeThrown(text);
        this.#startError = new TasksModuleError({ module, phase, cause });
        // At the machine's start, the error is the answer of `start()`, and every child has the same.
        const told = this.#events.isFirstStart() ? { reason: message.reason } : { err: cause };
        this.#log.error({ childPid: this.pid, phase, ...told }, "child unfit");
        return;
      }
      case "begun":
        this.#markBegun(message.id);
        return;
      case "start": {
        const ticket = this.#sent.get(message.id)?.ticket;
        if (ticket === undefined || ticket.stopped !== undefined) return;
        ticket.current = message.offset;
        this.#startClock(message.id, ticket);
        return;
      }
      case "item": {
        const ticket = this.#sent.get(message.id)?.ticket;
        // One that was told to stop has its outcome: that it was stopped.
        if (ticket === undefined || ticket.stopped !== undefined) return;
        clearTimeout(ticket.timer);
        ticket.outcomes.set(message.offset, JSON.parse(text) as ItemOutcome);
        ticket.current = undefined;
        return;
      }
      case "done":
        this.#onDone(message, text, bytes);
        return;
      case "skipped": {
        const sent = this.#forget(message.id);
        // The child may tell it before its guard does.
        if (sent !== undefined && !sent.revoked) this.#events.onGivenBack(sent.ticket);
        this.#afterRun();
        return;
      }
      case "progress": {
        const ticket = this.#sent.get(message.id)?.ticket;
        if (ticket !== undefined) this.#events.onProgress(ticket.run.map, message.index, text);
        return;
      }
      case "log": {
        const ticket = this.#sent.get(message.id)?.ticket;
        if (ticket !== undefined) this.#events.onLog(ticket.run, message.index, this.pid, text);
        return;
      }
      default:
        message satisfies never;
    }
  }

  #markBegun(id: number): void {
    const ticket = this.#sent.get(id)?.ticket;
    if (ticket !== undefined) ticket.begun = true;
  }

  #onDone(
    { id, ms, retriable, next, rss }: Extract<FromChild, { t: "done" }>,
    text: Payload,
    bytes: Buffer | undefined,
  ): void {
    const ticket = this.#forget(id)?.ticket;
    if (next !== undefined) this.#markBegun(next);
    if (ticket === undefined) return;
    clearTimeout(ticket.timer);
    this.#items += ticket.run.n;
    if (ticket.stopped === undefined) {
      this.#events.onMeasured(ms);
      this.#spans.add(ticket.run, ms);
      ticket.settle({ kind: "done", text, bytes, retriable, ms, ...ticket.partly(this.pid) });
    } else {
      ticket.settleStopped(this.pid);
    }
    const { maxTasksPerChild, maxMemoryPerChildMb } = this.#options;
    if (maxTasksPerChild > 0 && this.#items >= maxTasksPerChild) this.retire("maxTasksPerChild");
    else if (maxMemoryPerChildMb > 0 && rss !== undefined && rss > maxMemoryPerChildMb * MIB) {
      this.retire("maxMemoryPerChildMb");
    }
    this.#afterRun();
  }

  #afterRun(): void {
    this.#markRunning();
    this.#stopIfRetired();
    this.#events.onFree(this);
  }

  #stopIfRetired(): void {
    if (this.#state === "retiring" && this.#sent.size === 0) this.#child.send({ t: "stop" });
  }

  #forget(id: number): Sent | undefined {
    const sent = this.#sent.get(id);
    if (sent === undefined) return undefined;
    this.#sent.delete(id);
    // A revocation on its way would hit whoever has the place next.
    if (sent.revoking) this.#ended.set(id, sent);
    else this.#freeSlots.push(sent.slot);
    return sent;
  }

  #onGuard({ id, ok }: FromGuard): void {
    const ended = this.#ended.get(id);
    if (ended !== undefined) {
      this.#ended.delete(id);
      this.#freeSlots.push(ended.slot);
      return;
    }
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    sent.revoking = false;
    if (!ok) return; // it has begun
    sent.revoked = true;
    this.#events.onGivenBack(sent.ticket);
  }

  /** Of the runs sent to a child, the oldest are running. Their clocks start when they get there. */
  #markRunning(): void {
    let place = 0;
    for (const [id, { ticket, revoked }] of this.#sent) {
      if (revoked) continue;
      if (place++ >= this.#options.concurrency) return;
      if (ticket.running) continue;
      ticket.running = true;
      ticket.runningSince = performance.now();
      this.#startClock(id, ticket);
    }
  }

  #startClock(id: number, ticket: Ticket): void {
    const { timeoutMs } = ticket.run;
    if (timeoutMs === undefined || ticket.stopped !== undefined) return;
    clearTimeout(ticket.timer);
    ticket.timer = setTimeout(() => this.#stopRun(id, ticket, "timeout"), timeoutMs);
  }

  #stopRun(id: number, ticket: Ticket, why: StopReason): void {
    if (ticket.stopped !== undefined) return;
    ticket.stopped = why;
    clearTimeout(ticket.timer);
    this.#child.send({ t: "abort", id, reason: why });
    ticket.timer = setTimeout(() => {
      // One that only waits in the pipe is skipped when its turn comes. Whoever runs before it keeps its process.
      if (!ticket.running) return;
      const { map: mapId, at: index } = ticket.run;
      this.#log.warn({ childPid: this.pid, mapId, index, why }, "child killed");
      this.#killed = true;
      this.#child.kill();
    }, this.#options.killGraceMs);
  }

  #onExit(exit: ChildExit): void {
    clearTimeout(this.#startTimer);
    this.#state = "gone";
    for (const { ticket, revoked } of this.#sent.values()) {
      clearTimeout(ticket.timer);
      if (revoked) continue;
      if (ticket.stopped !== undefined) {
        ticket.settleStopped(this.pid);
      } else if (!this.#killed && (ticket.begun || (ticket.running && !this.hasWorked))) {
        // One that never worked is charged without a word of it: a module that ends its process by itself would go on
        // for ever.
        ticket.settle({ kind: "lost", exit, ...ticket.partly(this.pid) });
      } else {
        ticket.running = false;
        ticket.begun = false;
        this.#events.onGivenBack(ticket);
      }
    }
    this.#sent.clear();
    this.#events.onGone(this, exit);
  }
}

const MIB = 1024 * 1024;
