/**
 * One host of a crew, and the runs that were sent to it.
 *
 * States:
 * - `starting`: loads the module. Leaves to `ready`, or to `gone` if it can't.
 * - `ready`: takes runs. Leaves to `retiring` with `retire()`, or when it can no longer hear us; to `gone` when it ends.
 * - `retiring`: takes none; ends once it has answered those that it has. Leaves to `gone`.
 * - `gone`.
 */

import type { Logger } from "pino";

import { encodeThrown } from "@poolmq/shared/task";
import type { ChildDetail, Payload, TaskInfo } from "@poolmq/shared/internal";

import { chargeOf } from "./charge.ts";
import type { LastWords } from "./charge.ts";
import type { Host, HostExit, StartHost } from "./host.ts";
import { HostRuns } from "./host-runs.ts";
import type { HostRunsOptions } from "./host-runs.ts";
import { HostStart } from "./host-start.ts";
import { HostWatch } from "./host-watch.ts";
import type { FromChild, FromGuard } from "../pipe/pipe-messages.ts";
import type { Run, StopReason, Ticket } from "./run.ts";
import { SpanLog } from "./span-log.ts";

export interface MemberOptions extends HostRunsOptions {
  readonly startHost: StartHost;
  /** Path of the tasks module, for errors. */
  readonly module: string;
  /** How long a host may take to load the module and run its initializer, in ms. */
  readonly startTimeoutMs: number;
  /** Items that a host runs before it is replaced; 0 for no limit. */
  readonly maxTasksPerChild: number;
  /** Memory above which a host is replaced between items, in MiB; 0 for no limit. */
  readonly maxMemoryPerChildMb: number;
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
  onGone(member: Member, exit: HostExit): void;
  /** No host of the crew has become ready yet. */
  isFirstStart(): boolean;
}

const MIB = 1024 * 1024;

export class Member {
  readonly start: HostStart;
  readonly #options: MemberOptions;
  readonly #events: MemberEvents;
  readonly #log: Logger;
  readonly #host: Host;
  readonly #runs: HostRuns;
  readonly #spans = new SpanLog();
  readonly #watch: HostWatch;
  #state: "starting" | "ready" | "retiring" | "gone" = "starting";
  #items = 0;
  #lastWords: LastWords | undefined;
  /** It was killed to stop one of its runs: the others are not charged. */
  #killed = false;
  /** One of its runs blocks its event loop: it begins no other. */
  #isBlocked = false;
  /** It was told to end. */
  #stopping = false;

  constructor(options: MemberOptions, events: MemberEvents, log: Logger) {
    this.#options = options;
    this.#events = events;
    this.#log = log;
    this.#host = options.startHost({
      onMessage: (...frame) => this.#onMessage(...frame),
      onGuard: (message) => this.#onGuard(message),
      onGarbage: (reason) => this.#onBroken(reason),
      onSevered: () => this.#onSevered(),
      onExit: (exit) => this.#onExit(exit),
    });
    this.#runs = new HostRuns(this.#host, options, {
      onGivenBack: (ticket) => events.onGivenBack(ticket),
      onOverdue: (ticket) => this.#killOverdue(ticket),
    });
    this.#watch = new HostWatch(this.#host, (reason) => this.#onBroken(reason));
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
    return this.#state === "retiring";
  }

  /** It was told to end, and has not. */
  get isStopping(): boolean {
    return this.#stopping;
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
    return this.#runs.size;
  }

  /** Number of runs that run, as far as we know. */
  get running(): number {
    let running = 0;
    for (const { ticket } of this.#runs.live()) if (ticket.running) running++;
    return running;
  }

  get memoryBytes(): number | undefined {
    return this.#host.residentBytes();
  }

  /** What it runs and ran, for who watches; `undefined` once it is gone. */
  get detail(): ChildDetail | undefined {
    if (this.#state === "gone") return undefined;
    const rss = this.memoryBytes;
    const runs = [...this.#runs.live()].flatMap(({ ticket }) => ticket.detail ?? []);
    const facts = {
      pid: this.pid,
      state: this.#state,
      items: this.#items,
      runs,
      spans: this.#spans.recent(),
    };
    return rss === undefined ? facts : { ...facts, rss };
  }

  get hasPlace(): boolean {
    if (this.#state !== "ready" || this.#isBlocked || !this.#runs.hasSlot) return false;
    const { maxTasksPerChild } = this.#options;
    return maxTasksPerChild === 0 || this.#items + this.#runs.size < maxTasksPerChild;
  }

  /** Sends a run. Needs a place. */
  send(ticket: Ticket): void {
    this.#runs.send(ticket);
  }

  /** Tells the runs that match to stop. */
  stop(why: StopReason, matches: (ticket: Ticket) => boolean): void {
    this.#runs.stop(why, matches);
  }

  /** Asks for the runs back that wait behind a long one. @param isOtherFree - another host could run them now */
  takeBackTrapped(isOtherFree: boolean): void {
    this.#runs.takeBackTrapped();
    if (isOtherFree && this.#runs.size > 1 && this.#runs.takeBackBlocked()) this.#isBlocked = true;
  }

  unshare(id: string): void {
    this.#runs.unshare(id);
  }

  /** Looks whether it still hears us: once a tick of `SIGN_OF_LIFE_TICK_MS`. */
  tick(): void {
    this.#watch.tick(this.#state !== "starting" && this.#runs.size > 0);
  }

  /** Takes no more runs; ends when it has answered those that it has. */
  retire(why: string): void {
    if (this.#state === "ready") {
      this.#log.info({ childPid: this.pid, why, items: this.#items }, "child retiring");
      this.#state = "retiring";
      this.start.retired();
    }
    this.#stopIfRetired();
  }

  /** Ends it at once; what it runs is to run elsewhere, uncharged. */
  kill(why: StopReason): void {
    for (const { ticket } of this.#runs.live()) ticket.stopped ??= why;
    this.#host.kill();
  }

  /** Ends it at once if it runs this item, which is charged. */
  killItem(mapId: string, index: number): boolean {
    for (const { ticket } of this.#runs.live()) {
      const { map, at, n } = ticket.run;
      const runsIt =
        ticket.current === undefined ? index >= at && index < at + n : index === at + ticket.current;
      if (!ticket.running || map !== mapId || !runsIt) continue;
      this.#host.kill();
      return true;
    }
    return false;
  }

  /** Ends it at once because it takes too much memory: the running items are charged. */
  killForMemory(): void {
    this.#host.kill({ outOfMemory: true });
  }

  #onMessage(message: FromChild, text: Payload, bytes: Buffer | undefined): void {
    this.#watch.heard();
    this.#isBlocked = false;
    try {
      this.#take(message, text, bytes);
    } catch (error) {
      this.#onBroken(`it said what can't be read (${String(error)})`);
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
      case "progress": {
        const ticket = this.#runs.ticket(message.id);
        if (ticket !== undefined) this.#events.onProgress(ticket.run.map, message.index, text);
        return;
      }
      case "log": {
        const ticket = this.#runs.ticket(message.id);
        if (ticket !== undefined) this.#events.onLog(ticket.run, message.index, this.pid, text);
        return;
      }
      case "ready":
        if (this.#state !== "starting") throw new Error("it was ready before");
        this.#state = "ready";
        this.start.ready();
        return this.#events.onReady(this, message.tasks);
      case "unfit":
        return this.start.unfit(message, text, this.#events.isFirstStart());
      case "ending": {
        const { id, offset, own: isOwn = false } = message;
        this.#lastWords ??= { id, offset, thrown: text === "" ? undefined : text, isOwn };
        return this.#onSevered();
      }
      case "pong":
        return;
      default:
        throw new Error(`unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #onDone(
    { id, ms, retriable, next, rss, transitMs }: Extract<FromChild, { t: "done" }>,
    text: Payload,
    bytes: Buffer | undefined,
  ): void {
    if (!(ms >= 0) || !(retriable >= 0)) throw new Error("a run without its time and its count");
    const ticket = this.#runs.done(id);
    if (next !== undefined) this.#runs.begun(next);
    if (ticket === undefined) return;
    this.#items += ticket.run.n;
    if (ticket.stopped === undefined) {
      this.#events.onMeasured(ms);
      this.#spans.add(ticket.run, ms);
      ticket.settle({ kind: "done", text, bytes, retriable, ms, transitMs, ...ticket.partly(this.pid) });
    } else {
      ticket.settleStopped(this.pid);
      // It stopped, and what it had started may go on: that ends with its process.
      if (ticket.begun && this.#host.hasPrograms())
        this.retire("a task that was stopped left programs behind");
    }
    const { maxTasksPerChild, maxMemoryPerChildMb } = this.#options;
    if (maxTasksPerChild > 0 && this.#items >= maxTasksPerChild) this.retire("maxTasksPerChild");
    else if (maxMemoryPerChildMb > 0 && rss !== undefined && rss > maxMemoryPerChildMb * MIB) {
      this.retire("maxMemoryPerChildMb");
    }
    this.#afterRun();
  }

  #afterRun(): void {
    this.#runs.markRunning();
    this.#stopIfRetired();
    this.#events.onFree(this);
  }

  #stopIfRetired(): void {
    if (this.#state !== "retiring" || this.#runs.size > 0 || this.#stopping) return;
    this.#stopping = true;
    this.#host.send({ t: "stop" });
    this.#watch.stopping();
  }

  #onGuard(message: FromGuard): void {
    if (message.t === "alive") this.#watch.guardHeard(message.turns);
    else this.#runs.guardAnswered(message);
  }

  #killOverdue({ run, stopped }: Ticket): void {
    this.#log.warn({ childPid: this.pid, mapId: run.map, index: run.at, why: stopped }, "child killed");
    this.#killed = true;
    this.#host.kill();
  }

  /** It is of no use any more: it is ended, and what it runs is charged. */
  #onBroken(reason: string): void {
    if (this.#state === "gone") return;
    this.#log.warn({ childPid: this.pid, reason }, "child killed: it is out of order");
    const thrown = encodeThrown(new Error(`The process was killed: ${reason}`));
    this.#lastWords ??= { id: undefined, offset: undefined, thrown };
    this.#host.kill();
  }

  #onSevered(): void {
    if (this.#state === "gone" || this.#stopping) return;
    if (this.#state === "ready") this.#state = "retiring";
    this.#watch.severed();
  }

  #onExit(exit: HostExit): void {
    this.#watch.ended();
    this.start.ended();
    this.#state = "gone";
    for (const sent of this.#runs.clear()) {
      const { ticket } = sent;
      if (ticket.stopped !== undefined) {
        ticket.settleStopped(this.pid);
        continue;
      }
      const charge = this.#killed ? "back" : chargeOf(sent, this.#lastWords, this.hasWorked);
      const partly = ticket.partly(this.pid);
      if (charge === "back") this.#runs.giveBack(sent);
      else if (charge === "interrupted") ticket.settle({ kind: "interrupted", ...partly });
      else {
        const running = this.#lastWords?.offset ?? partly.running;
        ticket.settle({ kind: "lost", exit, thrown: this.#lastWords?.thrown, ...partly, running });
      }
    }
    this.#events.onGone(this, exit);
  }
}
