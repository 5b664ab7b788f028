/**
 * Limits by key of a pool in memory, over all of its workers: how many jobs with a key run at once, and how many start in
 * a second. The rules are those of a fleet (`limit-scripts.ts` of the shared package): a job without a permit has its
 * place in line, and goes back to the queue once it is called.
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

import type { Limit } from "@poolmq/shared";

/** How much earlier than due a start may come, in ms, to make up for one that was late. */
const EARLY_MS = 50;

/** If jobs with the same key have different limits, the strictest that was asked for within this time, in ms, counts. */
const STRICTEST_MS = 60_000;

/** With more keys than this, those that are idle are forgotten: a program may have a key for each of its customers. */
const MANY_KEYS = 1_000;

/** A number that jobs asked for, and when the last of them did. */
interface Asked {
  readonly value: number;
  readonly at: number;
}

interface InLine<J> {
  readonly job: J;
  /** Whether the job was called, so that it is in the queue or on its way from there. */
  isCalled: boolean;
}

/** The state of one key. */
interface Gate<J> {
  concurrency: Asked;
  rate: Asked;
  running: number;
  /** When the next start is due, by the monotonic clock. */
  dueAt: number;
  line: InLine<J>[];
  timer: NodeJS.Timeout | undefined;
}

export class MemoryLimits<J> {
  readonly #call: (job: J) => void;
  readonly #gates = new Map<string, Gate<J>>();

  /** @param call - puts a job back into the queue; called in a turn of its own */
  constructor(call: (job: J) => void) {
    this.#call = call;
  }

  /** Number of jobs that wait for a permit and are not in the queue. */
  get waiting(): number {
    let waiting = 0;
    for (const { line } of this.#gates.values()) for (const { isCalled } of line) if (!isCalled) waiting++;
    return waiting;
  }

  /** Takes a permit for a job, which counts as `starts` starts. False if there is none; the job is then in line. */
  take(job: J, limit: Limit, starts: number): boolean {
    const now = performance.now();
    const gate = this.#gateOf(limit.key);
    gate.concurrency = strictest(gate.concurrency, limit.concurrency, now);
    gate.rate = strictest(gate.rate, limit.ratePerSecond, now);
    const at = gate.line.findIndex((other) => other.job === job);
    const place = at === -1 ? gate.line.length : at;
    const { permits } = permitsOf(gate, now);
    const may = place < permits;
    if (may) {
      if (at !== -1) gate.line.splice(at, 1);
      gate.running++;
      gate.dueAt = Math.max(gate.dueAt, now) + (starts * 1_000) / gate.rate.value;
    } else {
      const inLine = gate.line[place];
      if (inLine === undefined) gate.line.push({ job, isCalled: false });
      else inLine.isCalled = false;
    }
    this.#callNext(gate);
    return may;
  }

  /** Gives a permit back. @param unstarted - number of starts, if the job did not start after all */
  give({ key }: Limit, unstarted: number): void {
    const gate = this.#gateOf(key);
    gate.running--;
    gate.dueAt -= (unstarted * 1_000) / gate.rate.value;
    this.#callNext(gate);
  }

  /** Removes the jobs that nobody wants any more. */
  remove(isUnwanted: (job: J) => boolean): void {
    for (const gate of this.#gates.values()) {
      gate.line = gate.line.filter(({ job }) => !isUnwanted(job));
      this.#callNext(gate);
    }
  }

  close(): void {
    for (const { timer } of this.#gates.values()) clearTimeout(timer);
    this.#gates.clear();
  }

  #gateOf(key: string): Gate<J> {
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      if (this.#gates.size > MANY_KEYS) this.#forgetIdle();
      const none = { value: Infinity, at: 0 };
      gate = { concurrency: none, rate: none, running: 0, dueAt: 0, line: [], timer: undefined };
      this.#gates.set(key, gate);
    }
    return gate;
  }

  #forgetIdle(): void {
    const now = performance.now();
    for (const [key, { running, line, dueAt }] of this.#gates) {
      if (running === 0 && line.length === 0 && dueAt < now) this.#gates.delete(key);
    }
  }

  /** Calls those in line that may start, and looks again when the rate allows another start. */
  #callNext(gate: Gate<J>): void {
    const now = performance.now();
    const { permits, isByTime } = permitsOf(gate, now);
    for (const inLine of gate.line.slice(0, Math.min(permits, gate.line.length))) {
      if (inLine.isCalled) continue;
      inLine.isCalled = true;
      setImmediate(this.#call, inLine.job);
    }
    if (!isByTime || gate.line.length <= permits || gate.timer !== undefined) return;
    const nextAt = Math.max(gate.dueAt, now) + (permits * 1_000) / gate.rate.value - EARLY_MS;
    gate.timer = setTimeout(() => {
      gate.timer = undefined;
      this.#callNext(gate);
    }, nextAt - now);
    // Maps that are under way keep the process alive; the timer must not.
    gate.timer.unref();
  }
}

/** How many more jobs may start now; `isByTime`: more may start after a while even if none ends. */
function permitsOf(
  { concurrency, rate, running, dueAt }: Gate<unknown>,
  now: number,
): { readonly permits: number; readonly isByTime: boolean } {
  const free = Math.max(0, concurrency.value - running);
  if (rate.value === Infinity) return { permits: free, isByTime: false };
  const early = now + EARLY_MS - Math.max(dueAt, now);
  const starts = Math.max(0, Math.floor((early * rate.value) / 1_000) + 1);
  return { permits: Math.min(free, starts), isByTime: free > starts };
}

function strictest(before: Asked, value: number = Infinity, at: number): Asked {
  const isOld = at - before.at > STRICTEST_MS;
  return isOld || value <= before.value ? { value, at } : before;
}
