/**
 * One host of a crew, and the runs that were sent to it.
 *
 * States:
 * - `starting`: loads the module. Leaves to `ready`, or to `gone` if it can't.
 * - `ready`: takes runs. Leaves to `retiring` with `retire()`, or when it no longer reads its pipe; to `gone` when it
 *   ends.
 * - `retiring`: takes none. Leaves to `stopping` once it has answered those that it has, or to `gone`.
 * - `stopping`: was told to end, and runs its finalizer. Leaves to `gone`.
 * - `gone`.
 */

import { encodeThrown } from "@poolmq/shared/task";
import type { ChildDetail, Payload } from "@poolmq/shared/internal";

import type { AskBack } from "../runs/ask-back.ts";
import type { CrewLog } from "../host/crew-log.ts";
import type { LastWords } from "../runs/charge.ts";
import type { Host, HostExit } from "../host/host.ts";
import { usageOf } from "../host/usage-of.ts";
import { HostRuns } from "../runs/host-runs.ts";
import { HostStart } from "../host/host-start.ts";
import { HostWatch } from "../host/host-watch.ts";
import { Leftovers } from "./leftovers.ts";
import type { MemberEvents, MemberOptions } from "./member-options.ts";
import type { FromChild } from "../pipe/pipe-messages.ts";
import { retireReason } from "./retire-reason.ts";
import type { StopReason, Ticket } from "../runs/run.ts";
import { WorkLog } from "./work-log.ts";

export class Member {
  readonly start: HostStart;
  readonly watch: HostWatch;
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #log: CrewLog;
  readonly #host: Host;
  readonly #runs: HostRuns;
  readonly #leftovers: Leftovers;
  readonly #work = new WorkLog();
  #state: "starting" | "ready" | "retiring" | "stopping" | "gone" = "starting";
  /** What is known of its end. `wasKilled`: it was killed to stop one of its runs, so that the others are not charged. */
  readonly #end = { lastWords: undefined as LastWords | undefined, wasKilled: false, isBroken: false };

  constructor(options: MemberOptions, events: MemberEvents, log: CrewLog) {
    this.#options = options;
    this.#events = events;
    this.#log = log;
    this.#host = options.startHost({
      onMessage: (message, text, bytes) => this.#onMessage(message, text, bytes),
      onGuard: (message) => {
        if (message.t === "revoked" || message.t === "cut") this.#runs.guardAnswered(message);
        else this.watch.guardHeard(message);
      },
      onGarbage: (reason) => this.#onBroken(reason),
      onSevered: () => this.#onSevered(),
      onExit: (exit) => this.#onExit(exit),
    });
    this.#runs = new HostRuns(this.#host, options, {
      onGivenBack: (ticket) => events.onGivenBack(ticket),
      onOverdue: (ticket) => void this.#killOverdue(ticket),
    });
    const onBroken = (reason: string, lastWords?: LastWords): void => this.#onBroken(reason, lastWords);
    this.watch = new HostWatch(this.#host, { onBroken, onComputing: () => void this.#leftovers.look() });
    this.#leftovers = new Leftovers(this.#runs, this.watch, onBroken);
    this.start = new HostStart(options, this.#host, log);
  }

  get pid(): number {
    return this.#host.pid;
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** It takes no more runs, but has not ended. */
  get isRetiring(): boolean {
    return this.#state === "retiring" || this.#state === "stopping";
  }

  /** It was told to end, and has not. */
  get isStopping(): boolean {
    return this.#state === "stopping";
  }

  /** Whether it has answered a run, so that its module works. */
  get hasWorked(): boolean {
    return this.#work.items > 0;
  }

  get wasKilled(): boolean {
    return this.#end.wasKilled;
  }

  get load(): number {
    return this.#runs.size;
  }

  /** Number of runs that have begun, as far as is known here. */
  get running(): number {
    return this.#runs.running;
  }

  get quiet(): Host["quiet"] {
    return this.#host.quiet;
  }

  get memoryBytes(): number | undefined {
    return this.#host.residentBytes();
  }

  /** What it runs and ran, for watchers; `undefined` once it is gone. */
  get detail(): ChildDetail | undefined {
    if (this.#state === "gone") return undefined;
    return {
      pid: this.pid,
      state: this.#state === "stopping" ? "retiring" : this.#state,
      items: this.#work.items,
      ...usageOf(this.#host),
      runs: this.#runs.details,
      spans: this.#work.recent(),
    };
  }

  get hasPlace(): boolean {
    if (this.#state !== "ready" || !this.#runs.hasPlace) return false;
    const { maxTasksPerChild } = this.#options;
    return maxTasksPerChild === 0 || this.#work.items + this.#runs.size < maxTasksPerChild;
  }

  send(ticket: Ticket, isPaced: boolean): void {
    this.#runs.send(ticket, isPaced);
  }

  stop(why: StopReason, matches: (ticket: Ticket) => boolean): void {
    this.#runs.stop(why, matches);
  }

  /** Asks for what it has not begun. */
  get back(): Pick<AskBack, "cutAll" | "isLong" | "revokeLast" | "revokeTrapped"> {
    return this.#runs.back;
  }

  unshare(id: string): void {
    this.#runs.unshare(id);
  }

  /** Checks whether it still reads its pipe. Called every `SIGN_OF_LIFE_TICK_MS`. */
  tick(): void {
    this.watch.tick(this.#state !== "starting" && this.#runs.size > 0);
  }

  /** Takes no more runs; ends when it has answered those that it has. */
  retire(why: string): void {
    if (this.#state === "ready") {
      this.#log.info({ childPid: this.pid, why, items: this.#work.items }, "child retiring");
      this.#state = "retiring";
      this.start.retired();
    }
    this.#stopIfRetired();
  }

  /** Ends it at once. Its runs are to run elsewhere, and are not charged. */
  kill(why: StopReason): void {
    for (const { ticket } of this.#runs.live()) ticket.stopped ??= why;
    this.#host.kill();
  }

  /** Ends it at once if it runs this item, which is charged. Gives whether it did. */
  killItem(mapId: string, index: number): boolean {
    if (!this.#runs.isRunning(mapId, index)) return false;
    this.#host.kill();
    return true;
  }

  /** Ends it at once because it takes too much memory: the running items are charged. */
  killForMemory(): void {
    this.#host.kill({ outOfMemory: true });
  }

  #onMessage(message: FromChild, text: Payload, bytes: Buffer | undefined): void {
    this.watch.heard();
    this.#runs.heard();
    try {
      this.#take(message, text, bytes);
    } catch (error) {
      this.watch.unreadable(error);
    }
  }

  #take(message: FromChild, text: Payload, bytes: Buffer | undefined): void {
    switch (message.t) {
      case "done":
        return this.#onDone(message, text, bytes);
      case "begun":
        return this.#runs.begun(message.id);
      case "start":
      case "item":
        return this.#runs.item(message, text);
      case "skipped":
        this.#runs.skipped(message.id);
        return this.#afterRun();
      case "progress":
      case "log":
        return this.#onSaid(message, text);
      case "ready":
        if (this.#state !== "starting") throw new Error("it was ready before");
        this.#state = "ready";
        this.start.ready();
        return this.#events.onReady(message.tasks);
      case "unfit":
        return this.start.unfit(message, text, this.#events.isFirstStart());
      case "ending": {
        const { id, offset, own: isOwn = false } = message;
        this.#end.lastWords ??= { id, offset, thrown: text === "" ? undefined : text, isOwn };
        return this.#onSevered();
      }
      case "pong":
        return;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #onSaid(message: Extract<FromChild, { t: "progress" | "log" }>, text: Payload): void {
    const run = this.#runs.said(message, text);
    if (run === undefined) return;
    if (message.t === "progress") this.#events.onProgress(run, message.index, text);
    else this.#events.onLog(run, message.index, this.pid, text);
  }

  #onDone(done: Extract<FromChild, { t: "done" }>, text: Payload, bytes: Buffer | undefined): void {
    const { ms, ownMs, retriable, next, rss, transitMs } = done;
    const ticket = this.#runs.done(done, text);
    if (next !== undefined) this.#runs.begun(next);
    if (ticket === undefined) return this.#afterRun();
    this.#work.ended(ticket.cut ?? ticket.run.n);
    if (ticket.stopped === undefined) {
      this.#events.onMeasured(ms);
      this.#work.ran(ticket.run, ms);
      const times = { ms, ownMs, transitMs };
      ticket.settle({ kind: "done", text, bytes, retriable, ...times, ...ticket.partly(this.pid) });
    } else {
      ticket.settleStopped(this.pid);
      // The run stopped, but programs that it started may go on; they end with the process group.
      if (ticket.begun && this.#host.hasPrograms())
        this.retire("a task that was stopped left programs behind");
    }
    const reason = retireReason(this.#options, this.#work.items, rss);
    if (reason !== undefined) this.retire(reason);
    this.#afterRun();
  }

  #afterRun(): void {
    this.#runs.markRunning();
    this.#stopIfRetired();
    this.#events.onFree();
  }

  #stopIfRetired(): void {
    if (this.#state !== "retiring" || this.#runs.size > 0) return;
    this.#state = "stopping";
    this.#host.send({ t: "stop" });
    this.watch.stopping();
  }

  async #killOverdue(ticket: Ticket): Promise<void> {
    if (!(await this.#leftovers.lookBefore(ticket))) return;
    const { run, stopped } = ticket;
    this.#log.warn({ childPid: this.pid, mapId: run.map, index: run.at, why: stopped }, "child killed");
    this.#end.wasKilled = true;
    this.#host.kill();
  }

  /** Kills a host that can't be used any more, and charges what it runs, unless the last words name somebody else. */
  #onBroken(reason: string, lastWords?: LastWords): void {
    // What it had written before it was killed is still read.
    if (this.#state === "gone" || this.#end.isBroken) return;
    this.#end.isBroken = true;
    this.#log.warn({ childPid: this.pid, reason }, "child killed: it no longer works as it must");
    const thrown = encodeThrown(new Error(`The process was killed: ${reason}`));
    this.#end.lastWords ??= lastWords ?? { id: undefined, offset: undefined, thrown };
    this.#host.kill();
  }

  #onSevered(): void {
    if (this.#state === "gone" || this.#state === "stopping") return;
    if (this.#state === "ready") this.#state = "retiring";
    this.watch.severed();
  }

  #onExit(exit: HostExit): void {
    this.watch.ended();
    this.start.ended();
    this.#state = "gone";
    const facts = { exit, pid: this.pid, hasWorked: this.hasWorked, ...this.#end };
    this.#events.onGone(exit, this.#runs.end(facts));
  }
}
