/**
 * How many jobs are worth holding here beyond those that run: enough of short ones to hide the round trip to Redis, and
 * none while those that are held wait behind something long, because another machine may be free for them.
 */

import { endTogether } from "@poolmq/shared/task";

import { isPaced, pacedDepth, pipeDepth } from "../pipe/pipe-depth.ts";

/** Jobs worth this much of a host's time may be held here per host. */
const HELD_MS = 20;

/**
 * Of jobs that take milliseconds, twice as much may be held, up to this many per host: for half of that time outcomes may
 * wait, and the other half is there for the way to Redis and back. Of more jobs, outcomes come together by themselves, and to
 * hand them all back on a busy machine would cost more than the waits save.
 *
 * Of paced ones four times as much may be held, but not before as many have ended: of a small map, other machines would
 * get nothing.
 */
const FEW_HELD = 16;
const MAX_HELD = 256;

/**
 * The most jobs of a batch task that one host holds, even if the function takes more, since a host's table of places is
 * limited.
 */
const MAX_TOGETHER = 256;

/** A run that has been running for this long, in ms, and twice as long as most, is one behind which others are trapped. */
const LONG_MS = 20;
const LONG_FACTOR = 2;

/** A job that waited this long for a host of this machine goes back to Redis. */
const MAX_WAIT_MS = 50;

/** After jobs had to go back, a host may hold so many more again for each of its jobs that ends. */
const REGAINED = 1 / 8;

/** If a run has ended within this time, in ms, the hosts are making progress with the jobs that are held. */
const BUSY_MS = 20;

/**
 * Outcomes wait up to this long for others, in ms. If they come one by one, each of them wakes up Redis and this process
 * twice, whose code is cold by then: that takes more of the processor's time than a hundred trivial items.
 */
const MAX_OUTCOME_WAIT_MS = 20;

/** A wait below this, in ms, would save nothing. */
const MIN_OUTCOME_WAIT_MS = 4;

/** If no run has ended for this long, in ms, when one comes, there was a pause. Paced runs are much shorter. */
const REST_MS = 250;

/** How many items a job has, and how many its function takes at once. */
interface JobSize {
  readonly n: number;
  readonly maxItems?: number | undefined;
  /** The bytes of its arguments. */
  readonly bytes?: Buffer | undefined;
}

/** How many jobs of this size a function takes at once. */
function jobsTogether({ n, maxItems }: JobSize): number {
  return maxItems === undefined ? 1 : Math.max(1, Math.min(MAX_TOGETHER, Math.floor(maxItems / n)));
}

export class FetchAhead {
  #hosts: number;
  readonly #concurrency: number;
  /** How many jobs, of the kind that came last, one place of a host runs at once: more than one for a batch task. */
  #together = 1;
  /** Moving mean of the run time of a job, in ms; `undefined` before the first. */
  #meanMs: number | undefined;
  /** When a run ended last, by the monotonic clock. */
  #endedAt = 0;
  /** How many runs have ended since the last pause. */
  #ended = 0;
  /** The most jobs that are held per host. Halved each time that jobs had to go back: the hosts get little done then. */
  #mostHeld = MAX_HELD;
  /** Jobs went back because all hosts are busy with something long. */
  #isCongested = false;

  constructor(hosts: number, concurrency: number) {
    this.#hosts = hosts;
    this.#concurrency = concurrency;
  }

  /** Notes the new number of hosts. */
  resize(hosts: number): void {
    this.#hosts = hosts;
  }

  /**
   * How many runs a host may have that is to be given this run: those that run, and some that wait in its pipe if they are
   * short; as many as its function takes at once, if they are of a batch task.
   */
  perHostFor(run: JobSize): number {
    const depth = pipeDepth(this.#meanMs, this.#concurrency);
    if (run.maxItems !== undefined)
      return Math.max(this.#concurrency + depth, this.#concurrency * jobsTogether(run));
    // Large arguments do not wait twice, here and in the pipe.
    const paced = run.bytes === undefined ? pacedDepth(this.#meanMs, this.#concurrency) : 0;
    return this.#concurrency + Math.max(depth, paced);
  }

  /**
   * Set if what hosts say may wait for some ms while they have other runs. A host that has `concurrency` runs is sent no
   * more while its oldest one has been running for `longMs`.
   */
  get paced(): { readonly concurrency: number; readonly longMs: number } | undefined {
    if (!isPaced(this.#meanMs, this.#concurrency)) return undefined;
    return { concurrency: this.#concurrency, longMs: this.longMs };
  }

  /** For how long a run may run, in ms, until those that wait behind it are taken back. */
  get longMs(): number {
    return Math.max(LONG_MS, LONG_FACTOR * (this.#meanMs ?? 0));
  }

  /** Notes a job that has come. Gives whether the capacity has changed. */
  came(run: JobSize): boolean {
    if (performance.now() - this.#endedAt > REST_MS) this.#ended = 0;
    const together = jobsTogether(run);
    if (together === this.#together) return false;
    this.#together = together;
    return true;
  }

  /** How many jobs are worth having here: those that run, and a little ahead if they are short. */
  get capacity(): number {
    const running = this.#concurrency * this.#together;
    return Math.max(1, this.#hosts * (running + this.#aheadPerHost(running)));
  }

  #aheadPerHost(running: number): number {
    if (this.#meanMs === undefined || this.#isCongested) return 0;
    // Jobs that are held behind a batch of this length would go back before it ends. They are fetched when it has ended.
    if (this.#together > 1 && this.#meanMs >= MAX_WAIT_MS) return 0;
    const jobs = (HELD_MS * running) / this.#meanMs;
    const doubled = Math.max(jobs, Math.min(2 * jobs, FEW_HELD));
    const known = isPaced(this.#meanMs, this.#concurrency)
      ? Math.min(4 * jobs, FEW_HELD, this.#ended / this.#hosts)
      : 0;
    return Math.floor(Math.min(this.#mostHeld, Math.max(doubled, known)));
  }

  /** How long outcomes may wait, in ms: for half of the time that the hosts need for the jobs that are held. */
  outcomeWaitMs(held: number): number {
    const places = Math.max(1, this.#hosts * this.#concurrency * this.#together);
    const meanMs = this.#meanMs ?? 0;
    if (endTogether(places, meanMs)) return 0;
    const ms = Math.min(MAX_OUTCOME_WAIT_MS, (held * meanMs) / places / 2);
    return ms < MIN_OUTCOME_WAIT_MS ? 0 : ms;
  }

  /** Notes the run time of a job. Gives whether the capacity has changed. */
  measured(ms: number): boolean {
    this.#endedAt = performance.now();
    const before = this.capacity;
    this.#ended++;
    this.#mostHeld = Math.min(MAX_HELD, this.#mostHeld + REGAINED / Math.max(1, this.#hosts));
    this.#meanMs = this.#meanMs === undefined ? ms : this.#meanMs * 0.9 + ms * 0.1;
    return this.capacity !== before;
  }

  /** Notes that a host is free. Gives whether the capacity has changed. */
  freed(): boolean {
    const was = this.#isCongested;
    this.#isCongested = false;
    return was;
  }

  /**
   * Whether the held jobs are to go back to Redis. If so, nothing more is fetched ahead until a host is free.
   *
   * @param heldSince - when the oldest held job began to wait, by the monotonic clock
   */
  givesUp(heldSince: number, held: number, readyHosts: number): boolean {
    const now = performance.now();
    if (now - heldSince < MAX_WAIT_MS) return false;
    // As long as the hosts make progress with tiny runs, giving them back would take longer than running them.
    const places = Math.max(1, readyHosts) * this.#concurrency * this.#together;
    const leftMs = (held * (this.#meanMs ?? Infinity)) / places;
    if (now - this.#endedAt < BUSY_MS && leftMs < MAX_WAIT_MS) return false;
    this.#isCongested = true;
    this.#mostHeld = Math.max(FEW_HELD, this.#mostHeld / 2);
    return true;
  }
}
