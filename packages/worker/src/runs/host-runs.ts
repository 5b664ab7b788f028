/**
 * The runs of one host, from the message that sends each of them to its end: which have begun, whose clock runs, and
 * which are being taken back, because another host may be free or because they were stopped.
 */

import type { ChildDetail, ItemOutcome, Payload } from "@poolmq/shared/internal";

import { placesFor } from "../pipe/pipe-depth.ts";
import type { FromChild, FromGuard } from "../pipe/pipe-messages.ts";
import { chargeOf, suspect } from "./charge.ts";
import { checkDone, checkItem, checkSaid } from "./check-report.ts";
import type { LastWords } from "./charge.ts";
import { AskBack } from "./ask-back.ts";
import type { Host, HostExit } from "../host/host.ts";
import { mayWait } from "./may-wait.ts";
import type { Run, StopReason, Ticket } from "./run.ts";
import { RunClock } from "./run-clock.ts";
import { runMessage } from "./run-message.ts";
import { SentRuns } from "./sent-runs.ts";
import type { SentRun } from "./sent-runs.ts";

export interface HostRunsOptions {
  readonly concurrency: number;
  /** How long a function may continue after it was told to stop, in ms. Then its host is killed. */
  readonly killGraceMs: number;
}

/** How a host ended. */
export interface HostEnd {
  readonly exit: HostExit;
  readonly pid: number;
  readonly lastWords: LastWords | undefined;
  /** The crew killed it in order to stop one of its runs. The others on it are not to blame. */
  readonly wasKilled: boolean;
  /** It has answered a run. */
  readonly hasWorked: boolean;
}

export interface HostRunsEvents {
  /** A run that the host had not begun is to run elsewhere. */
  onGivenBack(ticket: Ticket): void;
  /** A run was told to stop, and has not stopped within its grace. */
  onOverdue(ticket: Ticket): void;
}

export class HostRuns {
  readonly #options: HostRunsOptions;
  readonly #events: HostRunsEvents;
  readonly #host: Host;
  readonly #sent: SentRuns;
  readonly #clock: RunClock;
  /** Asks the host for what it has not begun. */
  readonly back: AskBack;
  /** Ids of the shared values that the host has. */
  readonly #shares = new Set<string>();

  constructor(host: Host, options: HostRunsOptions, events: HostRunsEvents) {
    this.#host = host;
    this.#options = options;
    this.#events = events;
    this.#sent = new SentRuns(placesFor(options.concurrency));
    this.back = new AskBack(host, this.#sent, options.concurrency);
    this.#clock = new RunClock(options.killGraceMs, {
      onLimit: (sent) => this.#stop(sent, "timeout"),
      onOverdue: ({ ticket }) => events.onOverdue(ticket),
    });
  }

  get size(): number {
    return this.#sent.size;
  }

  get hasPlace(): boolean {
    return !this.back.isBlocked && this.#sent.hasSlot;
  }

  /** Number of runs that have begun, as far as is known here. */
  get running(): number {
    return [...this.#sent.live()].filter(({ ticket }) => ticket.running).length;
  }

  /** The runs that run, for watchers. */
  get details(): ChildDetail["runs"] {
    return [...this.#sent.live()].flatMap(({ ticket }) => ticket.detail ?? []);
  }

  /** Whether it runs this item, or may do so. */
  isRunning(mapId: string, index: number): boolean {
    return [...this.#sent.live()].some(({ ticket }) => ticket.isRunning(mapId, index));
  }

  /** The runs that were not given back, oldest first. */
  live(): Iterable<SentRun> {
    return this.#sent.live();
  }

  ticket(id: number): Ticket | undefined {
    return this.#sent.get(id)?.ticket;
  }

  /** Checks what an item printed, logged or reports as its progress. Gives its run, unless that has ended. @throws Error */
  said(message: Extract<FromChild, { t: "log" | "progress" }>, text: Payload): Run | undefined {
    const run = this.ticket(message.id)?.run;
    if (run !== undefined) checkSaid(message, text, run);
    return run;
  }

  /** @param isPaced - its runs take some ms each, so that what it says may wait while it has others to run */
  send(ticket: Ticket, isPaced = false): void {
    const { run } = ticket;
    const sent = this.#sent.add(ticket);
    for (const { id, payload, bytes, memory } of run.shares) {
      if (this.#shares.has(id)) continue;
      this.#shares.add(id);
      this.#host.send(memory === undefined ? { t: "share", id } : { t: "share", id, memory }, payload, bytes);
    }
    const isQuiet =
      isPaced && this.#host.quiet !== undefined && mayWait(this.#sent, this.#options.concurrency);
    if (isQuiet) this.#host.quiet?.start();
    else this.#host.quiet?.end();
    this.#host.send(runMessage(sent, run, isQuiet), run.args, run.bytes);
    // The host is idle: send at once, unless it is a batch task's run, which others may join in this turn of the event
    // loop.
    if (this.#sent.size === 1 && run.maxItems === undefined) this.#host.flush();
    this.markRunning();
  }

  unshare(id: string): void {
    if (this.#shares.delete(id)) this.#host.send({ t: "unshare", id });
  }

  /** Tells the runs that match to stop. */
  stop(why: StopReason, matches: (ticket: Ticket) => boolean): void {
    for (const sent of this.#sent.live()) if (matches(sent.ticket)) this.#stop(sent, why);
  }

  /** Notes a message of the host: its event loop turns. */
  heard(): void {
    this.back.isBlocked = false;
  }

  /** Notes that a run has begun: its time limit starts or, if it was told to stop while it waited, its grace. */
  begun(id: number): void {
    const sent = this.#sent.get(id);
    // The end of a run announces the one after it, which may have been taken back meanwhile and run elsewhere.
    if (sent === undefined || sent.revoked || sent.ticket.begun) return;
    sent.ticket.begun = true;
    this.#mark(sent.ticket);
    if (sent.ticket.stopped === undefined) this.#clock.startLimit(sent);
    else this.#startGrace(sent);
  }

  /** Notes that an item starts or has ended, which only careful runs report. */
  item({ t, id, offset }: Extract<FromChild, { t: "start" | "item" }>, text: Payload): void {
    const sent = this.#sent.get(id);
    // A run that was told to stop ends as stopped, whatever its items still report.
    if (sent === undefined || sent.ticket.stopped !== undefined) return;
    checkItem(offset, t === "item" ? text : undefined, sent.ticket.run.n);
    if (t === "start") {
      sent.ticket.current = offset;
      this.#clock.startLimit(sent);
      return;
    }
    this.#clock.stop(sent);
    sent.ticket.ended(offset, JSON.parse(text) as ItemOutcome);
  }

  /** Notes that the host has answered a run. Gives its ticket, unless it was given back. @throws Error if that can't be */
  done(done: Extract<FromChild, { t: "done" }>, text: Payload): Ticket | undefined {
    checkDone(done, text, this.ticket(done.id));
    const sent = this.#sent.answered(done.id);
    if (sent === undefined || sent.revoked) return undefined;
    if (done.cut !== undefined) sent.ticket.keeps(done.cut);
    this.#clock.stop(sent);
    return sent.ticket;
  }

  /** Notes that the host will not begin a run. */
  skipped(id: number): void {
    const sent = this.#sent.answered(id);
    // The host may report it before its guard does.
    if (sent !== undefined && !sent.revoked) this.giveBack(sent);
  }

  guardAnswered(message: Extract<FromGuard, { t: "revoked" | "cut" }>): void {
    const { id } = message;
    const ok = message.t === "revoked" && message.ok;
    const sent = this.#sent.guardAnswered(id, ok);
    if (sent === undefined) return;
    if (message.t === "cut") sent.ticket.keeps(message.items);
    else if (ok) this.giveBack(sent);
    // The host has begun it, even if its main thread has not reported that yet.
    else this.begun(id);
  }

  /** Gives a run back, which is to run elsewhere as if it had never been on this host. */
  giveBack(sent: SentRun): void {
    this.#clock.stop(sent);
    sent.ticket.running = false;
    sent.ticket.begun = false;
    this.#events.onGivenBack(sent.ticket);
  }

  /** Marks the oldest runs as running, as many as the host runs at a time. */
  markRunning(): void {
    let place = 0;
    // Called once or twice a run, so it does without a generator.
    for (const { ticket, revoked } of this.#sent.all()) {
      if (revoked) continue;
      if (place++ >= this.#options.concurrency) return;
      this.#mark(ticket);
    }
  }

  #mark(ticket: Ticket): void {
    if (ticket.running) return;
    ticket.running = true;
    ticket.runningSince = performance.now();
  }

  /** After the host's end: settles the runs that it never answered, or gives them back. Gives those that are charged. */
  end({ exit, pid, lastWords, wasKilled, hasWorked }: HostEnd): Ticket[] {
    const charged: Ticket[] = [];
    const all = this.#sent.clear();
    const hasBegun = all.some(({ ticket }) => ticket.begun);
    for (const sent of all) {
      const { ticket } = sent;
      this.#clock.stop(sent);
      suspect(ticket, lastWords);
      if (ticket.stopped !== undefined) {
        ticket.settleStopped(pid);
        continue;
      }
      const charge = wasKilled ? "back" : chargeOf(sent, lastWords, hasWorked, hasBegun);
      const partly = ticket.partly(pid);
      // An item that has ended is not the one that runs.
      const running = (lastWords?.isOwn === true ? undefined : lastWords?.offset) ?? partly.running;
      if (charge === "back") this.giveBack(sent);
      else if (charge === "interrupted") ticket.settle({ kind: "interrupted", ...partly });
      else {
        charged.push(ticket);
        ticket.settle({ kind: "lost", exit, thrown: lastWords?.thrown, ...partly, running });
      }
    }
    return charged;
  }

  /** A chunk of items that each end soon may take longer than the grace: no further item of one that nobody wants begins. */
  #startGrace(sent: SentRun): void {
    this.#clock.startGrace(sent);
    if (sent.ticket.stopped === "cancelled" && sent.ticket.run.n > 1) this.back.cut(sent);
  }

  #stop(sent: SentRun, why: StopReason): void {
    const { ticket } = sent;
    if (ticket.stopped !== undefined) return;
    ticket.stopped = why;
    this.#clock.stop(sent);
    this.#host.quiet?.end();
    this.#host.send({ t: "abort", id: sent.id, reason: why });
    // Any answer tells that its event loop turns.
    this.back.isBlocked ||= why === "timeout";
    if (why === "timeout") this.#host.send({ t: "ping" });
    if (ticket.begun) this.#startGrace(sent);
    // The run still waits, perhaps behind one that blocks the host's main thread. It is taken back, so that it does not
    // begin.
    else this.back.revoke(sent);
  }
}
