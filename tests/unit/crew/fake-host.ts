/** A host of plain objects: it keeps to the messages of the pipe, and what its tasks do is told by their names. */

import type { Host, HostEvents, HostExit } from "../../../packages/worker/src/host/host.ts";
import type { FromChild, ToChild, ToGuard } from "../../../packages/worker/src/pipe/pipe-messages.ts";

export type RunMessage = Extract<ToChild, { t: "run" }>;

/**
 * - `quick`, `slow`: end after 1 and 300 ms. `heeds`: ends when it is told to stop. `endless`: never ends.
 * - `blocks`: computes for 200 ms, and nothing else of the main thread is done meanwhile: it says only afterwards that the
 *   run has begun. `spins`: for ever.
 * - `crashes`: ends the process as it begins. `leaves`: ends at once, and what it left behind ends the process 5 ms later.
 */
export const TASKS = ["quick", "slow", "heeds", "endless", "blocks", "spins", "crashes", "leaves"] as const;

export type TaskName = (typeof TASKS)[number];

/** How long a word of the process may be on its way. */
const ON_ITS_WAY_MS = 5;

const MS: Readonly<Partial<Record<string, number>>> = { quick: 1, slow: 300, blocks: 200 };

export class FakeHost implements Host {
  static nextPid = 1;
  readonly pid: number = FakeHost.nextPid++;
  readonly sent: ToChild[] = [];
  isAlive = true;
  /** It hears nothing any more, although its loop turns. */
  isDeaf = false;
  /** How many items of a run it keeps if others are asked back. */
  keeps = 1;
  /** It has loaded its module. */
  isReady = false;
  /** It was told to end although it had runs. */
  wasCutShort = false;
  /** It was killed although nothing that it ran was to stop. */
  wasKilledForNothing = false;
  /** A finalizer that does not end. */
  endsWhenTold = true;
  readonly running: Map<number, RunMessage> = new Map();
  /** What a run of one item gives. */
  outcomeOf: (run: RunMessage) => string = () => "=[1]";
  /** Is told when the function of a run begins. */
  onBegin: (run: RunMessage) => void = () => {};
  /**
   * Is told, when the process ends, of the runs that may be charged with it: those that run, and those that wait if it has
   * never said that it begins one. None of them if it was killed in good order, or if what an ended run left behind has ended it.
   */
  onEnd: (chargeable: readonly RunMessage[]) => void = () => {};
  readonly #concurrency: number;
  readonly #events: HostEvents;
  /** The run that the end of the last one announced: that it begins is not said again. */
  #announced: number | undefined;
  /** Runs that it has begun without having said so. */
  readonly #unsaid = new Set<number>();
  readonly #claims = new Map<number, number>();
  readonly #waiting: RunMessage[] = [];
  readonly #inbox: ToChild[] = [];
  #blocked = false;
  #stopping = false;
  #turns = 0;
  /** It has said that it begins a run. */
  #hasBegun = false;
  /** It is out of order: whoever kills it for that charges what runs. */
  #isBroken = false;

  constructor(events: HostEvents, concurrency: number, isReady = true) {
    this.#events = events;
    this.#concurrency = concurrency;
    if (isReady) {
      this.after(1, () => {
        this.isReady = true;
        this.say({ t: "ready", tasks: {} });
      });
    }
  }

  /** How many runs it was sent. */
  get runsSent(): number {
    return this.sent.filter(({ t }) => t === "run").length;
  }

  send(message: ToChild): void {
    this.sent.push(message);
    // It was sent before anybody had noticed the end.
    if (!this.isAlive && message.t === "run" && !this.#hasBegun) this.onEnd([message]);
    this.#inbox.push(message);
    this.after(0, () => this.#read());
  }

  flush(): void {}

  sendToGuard(message: ToGuard): void {
    this.after(0, () => {
      if (message.t === "ping") {
        if (!this.#blocked) this.#turns += 4;
        return this.#events.onGuard({ t: "alive", turns: this.#turns });
      }
      if (message.t === "stack") return this.#events.onGuard({ ...message, frames: [] });
      if (message.t === "leftover") return this.#events.onGuard(message);
      if (message.t === "cut") {
        return this.#events.onGuard({ t: "cut", id: message.id, items: this.keeps });
      }
      const before = this.#claims.get(message.slot);
      const ok = before !== message.id;
      if (ok) this.#claims.set(message.slot, -message.id);
      this.#events.onGuard({ t: "revoked", id: message.id, ok });
    });
  }

  residentBytes(): undefined {
    return undefined;
  }

  hasPrograms(): boolean {
    return false;
  }

  kill({ outOfMemory = false }: { readonly outOfMemory?: boolean } = {}): void {
    const isToBlame = this.#isBroken || this.isDeaf || outOfMemory;
    const aborted = this.sent.flatMap((message) => (message.t === "abort" ? [message.id] : []));
    const isOverdue = aborted.some((id) => this.running.has(id));
    // One that was told to end may be killed before it has read that, if more than one per process are about to end.
    const wasToldToEnd = this.sent.some(({ t }) => t === "stop");
    this.wasKilledForNothing ||= this.isAlive && this.isReady && !isToBlame && !wasToldToEnd && !isOverdue;
    this.end({ exitCode: null, signal: "SIGKILL", outOfMemory }, isToBlame);
  }

  say(message: FromChild, text = ""): void {
    if (this.isAlive) this.#events.onMessage(message, text, undefined);
  }

  garbage(): void {
    this.#isBroken = true;
    this.#events.onGarbage("it wrote a line that is no message");
  }

  severed(): void {
    this.#isBroken = true;
    this.#events.onSevered();
  }

  /** The process has ended. @param isToBlame - what runs may be charged with it */
  end(exit: HostExit = { exitCode: 1, signal: null, outOfMemory: false }, isToBlame = true): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    const inbox = this.#inbox.filter((message) => message.t === "run");
    const running = [...this.running.values()];
    const chargeable = this.#hasBegun ? running : [...running, ...this.#waiting, ...inbox];
    this.onEnd(isToBlame || this.#isBroken ? chargeable : []);
    this.running.clear();
    // Never at once: the end of a process is an event.
    setTimeout(() => this.#events.onExit(exit), 0);
  }

  /** Runs something later, unless the process has ended by then. */
  after(ms: number, fn: () => void): void {
    setTimeout(() => {
      if (this.isAlive) fn();
    }, ms);
  }

  #read(): void {
    if (this.#blocked || this.isDeaf) return;
    for (const message of this.#inbox.splice(0)) this.#hear(message);
    this.#startNext();
  }

  #hear(message: ToChild): void {
    if (message.t === "run") this.#waiting.push(message);
    else if (message.t === "ping") this.say({ t: "pong" });
    else if (message.t === "abort") this.#abort(message.id);
    else if (message.t === "stop") {
      this.#stopping = true;
      if (this.running.size + this.#waiting.length > 0) this.wasCutShort = true;
      if (this.running.size === 0 && this.endsWhenTold)
        this.end({ exitCode: 0, signal: null, outOfMemory: false });
    }
  }

  #abort(id: number): void {
    const waits = this.#waiting.findIndex((message) => message.id === id);
    if (waits !== -1) {
      this.#waiting.splice(waits, 1);
      return this.say({ t: "done", id, ms: 0, retriable: 0 }, "=[]");
    }
    if (this.running.get(id)?.fn === "heeds") this.#done(id);
  }

  #startNext(): void {
    while (this.isAlive && !this.#blocked && this.running.size < this.#concurrency) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const { id, slot, fn } = next;
      if (this.#claims.get(slot) === -id) {
        this.say({ t: "skipped", id });
        continue;
      }
      this.#claims.set(slot, id);
      this.running.set(id, next);
      this.onBegin(next);
      if (id !== this.#announced) this.#unsaid.add(id);
      // One that blocks the main thread keeps the word back.
      if (fn === "quick" || fn === "crashes" || fn === "leaves") this.#sayBegun(id);
      else if (fn !== "blocks") this.after(ON_ITS_WAY_MS, () => this.#sayBegun(id));
      this.#begin(id, fn);
    }
  }

  #sayBegun(id: number): void {
    if (!this.#unsaid.delete(id)) return;
    this.#hasBegun = true;
    this.say({ t: "begun", id });
  }

  #begin(id: number, fn: string): void {
    const ms = MS[fn];
    if (fn === "crashes") return this.end();
    if (fn === "leaves") {
      this.after(5, () => {
        this.say({ t: "ending", id, offset: 0 }, "");
        this.end(undefined, false);
      });
      return this.#done(id);
    }
    if (fn === "blocks" || fn === "spins") this.#blocked = true;
    if (ms === undefined) return;
    this.after(ms, () => {
      if (fn === "blocks") this.#blocked = false;
      this.#done(id);
      this.#read();
    });
  }

  #done(id: number): void {
    const run = this.running.get(id);
    if (run === undefined) return;
    this.running.delete(id);
    this.#sayBegun(id);
    this.#announced = this.#stopping || this.#blocked ? undefined : this.#waiting[0]?.id;
    this.say({ t: "done", id, ms: 1, retriable: 0, next: this.#announced }, this.outcomeOf(run));
    if (this.#stopping && this.running.size === 0 && this.endsWhenTold) this.end();
    // What came meanwhile is read later.
    this.#startNext();
    this.after(0, () => this.#read());
  }
}
