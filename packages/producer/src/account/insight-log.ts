/** Keeps account of where the time of a map goes. Bounded, however many items there are, and well below a µs a job. */

import { TimeSketch } from "@poolmq/shared/internal";

import { withSummary } from "./map-insights.ts";
import { NO_PROGRESS } from "./map-progress.ts";
import type { MapInsights, ProcessShare, SlowJob, TimeSpread } from "./map-insights.ts";

/** What is known of a job that came to its outcome. */
export interface JobTimes {
  /** Number of its items. */
  readonly n: number;
  /** Index of the first of them. */
  readonly at: number;
  /** How long it ran, in ms. */
  readonly ms: number;
  /** How long ago it was enqueued, in ms, if that is known. */
  readonly ageMs: number | undefined;
  /** How long its outcome was on its way here, in ms, if that is known. */
  readonly transitMs: number | undefined;
  /** The machine and process that ran it: the end of a `RanText` of the wire contract. */
  readonly by: string | undefined;
}

const SLOWEST = 10;

/** Beyond this, a map's processes are counted but not told apart. */
const MAX_PROCESSES = 1_000;

interface Seen {
  readonly by: string;
  readonly process: { -readonly [K in keyof ProcessShare]: ProcessShare[K] };
  readonly retries: number;
  readonly losses: number;
  /** It was the second run of a chunk that ran for long elsewhere. */
  readonly isBackup: boolean;
}

export class InsightLog {
  readonly #waiting = new TimeSketch();
  readonly #running = new TimeSketch();
  readonly #transit = new TimeSketch();
  /** The slowest first. */
  readonly #slowest: SlowJob[] = [];
  /** What the last of them took per item, once there are enough. */
  #slowEnough = -1;
  readonly #processes = new Map<string, Seen["process"]>();
  /** By the very text: the same few come again and again. */
  readonly #seen = new Map<string, Seen>();
  /** The two that came last: to compare texts takes less than to look one up. */
  #latest: Seen | undefined;
  #before: Seen | undefined;
  #retries = 0;
  #losses = 0;
  readonly #backups = { started: 0, won: 0 };
  #jobs = 0;
  #smallest = Infinity;
  #largest = 0;
  #beganAt: number | undefined;
  #endedAt: number | undefined;

  begin(): void {
    this.#beganAt ??= performance.now();
  }

  end(): void {
    this.#endedAt ??= performance.now();
  }

  backedUp(): void {
    this.#backups.started++;
  }

  came({ n, at, ms, ageMs, transitMs, by }: JobTimes): void {
    this.begin();
    this.#jobs++;
    if (n < this.#smallest) this.#smallest = n;
    if (n > this.#largest) this.#largest = n;
    const msPerItem = ms / n;
    this.#running.add(msPerItem, n);
    if (transitMs !== undefined) this.#transit.add(transitMs, n);
    if (ageMs !== undefined) this.#waiting.add(Math.max(0, ageMs - ms - (transitMs ?? 0)), n);
    if (msPerItem > this.#slowEnough) this.#keepSlow({ index: at, items: n, ms });
    if (by === undefined || by === "") return;
    const seen =
      this.#latest?.by === by ? this.#latest : this.#before?.by === by ? this.#before : this.#find(by);
    if (seen === undefined) return;
    seen.process.items += n;
    seen.process.ms += ms;
    this.#retries += seen.retries;
    this.#losses += seen.losses;
    if (seen.isBackup) this.#backups.won++;
  }

  /** How long its items ran. */
  get running(): TimeSketch {
    return this.#running;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** @param why - who chose the size of the chunks, and from what */
  read(counts: { readonly done: number; readonly failed: number }, why?: string): MapInsights {
    return withSummary({
      items: counts.done,
      failed: counts.failed,
      durationMs: this.#beganAt === undefined ? 0 : (this.#endedAt ?? performance.now()) - this.#beganAt,
      waiting: spreadOf(this.#waiting),
      running: spreadOf(this.#running),
      transit: spreadOf(this.#transit),
      slowest: [...this.#slowest],
      processes: [...this.#processes.values()]
        .map((process) => ({ ...process }))
        .toSorted((a, b) => b.items - a.items),
      retries: this.#retries,
      losses: this.#losses,
      backups: { ...this.#backups },
      chunks: {
        jobs: this.#jobs,
        smallest: this.#jobs === 0 ? 0 : this.#smallest,
        largest: this.#largest,
        why: why ?? "not packed by this call",
      },
    });
  }

  #keepSlow(job: SlowJob): void {
    const slowness = ({ ms, items }: SlowJob): number => ms / items;
    const place = this.#slowest.findIndex((other) => slowness(other) < slowness(job));
    this.#slowest.splice(place === -1 ? this.#slowest.length : place, 0, job);
    if (this.#slowest.length > SLOWEST) this.#slowest.pop();
    const last = this.#slowest[SLOWEST - 1];
    if (last !== undefined) this.#slowEnough = slowness(last);
  }

  #find(by: string): Seen | undefined {
    const seen = this.#seen.get(by) ?? this.#read(by);
    if (seen === undefined) return undefined;
    this.#before = this.#latest;
    this.#latest = seen;
    return seen;
  }

  /** Anything can be written there by whoever can write to Redis: what is no such text is not counted. */
  #read(by: string): Seen | undefined {
    const [, worker, pid, attempt = "1", losses = "0", backup] =
      /^([\w.-]{1,300}) (\d{1,10})(?: (\d{1,6}) (\d{1,6})( backup)?)?$/.exec(by) ?? [];
    if (worker === undefined || pid === undefined) return undefined;
    const key = `${worker} ${pid}`;
    let process = this.#processes.get(key);
    if (process === undefined) {
      process = { worker, pid: Number(pid), items: 0, ms: 0 };
      if (this.#processes.size < MAX_PROCESSES) this.#processes.set(key, process);
    }
    const retries = Math.max(0, Number(attempt) - 1);
    const isBackup = backup !== undefined;
    const seen = { by, process, retries, losses: Number(losses), isBackup };
    if (this.#seen.size < MAX_PROCESSES) this.#seen.set(by, seen);
    return seen;
  }
}

function spreadOf(times: TimeSketch): TimeSpread | undefined {
  const { items, sumMs, maxMs } = times;
  if (items === 0) return undefined;
  const [p50Ms = 0, p90Ms = 0, p99Ms = 0] = times.percentiles(0.5, 0.9, 0.99);
  return { meanMs: sumMs / items, p50Ms, p90Ms, p99Ms, maxMs };
}

/** Of a call that was refused: there is no map. */
export function noInsights(): MapInsights {
  return new InsightLog().read(NO_PROGRESS);
}
