/**
 * Records which processes ran the jobs of a map, and how often a job had to be run again. Its memory is bounded, and it
 * costs well below a µs a job.
 */

import type { MapInsights, ProcessShare } from "./map-insights.ts";

/** Beyond this, a map's processes are counted but not told apart. */
const MAX_PROCESSES = 1_000;

interface Seen {
  readonly by: string;
  readonly process: { -readonly [K in keyof ProcessShare]: ProcessShare[K] };
  readonly retries: number;
  readonly losses: number;
  /** Whether the job was a backup. */
  readonly isBackup: boolean;
}

export class ProcessLog {
  readonly #processes = new Map<string, Seen["process"]>();
  /** By the text itself, because the same few texts come again and again. */
  readonly #seen = new Map<string, Seen>();
  /** The last two: comparing texts is faster than looking one up. */
  #latest: Seen | undefined;
  #before: Seen | undefined;
  #retries = 0;
  #losses = 0;
  readonly #backups = { started: 0, won: 0 };

  backedUp(): void {
    this.#backups.started++;
  }

  /** @param by - what ran it: the end of a `RanText` of the wire contract */
  ran(by: string, items: number, ms: number): void {
    const seen =
      this.#latest?.by === by ? this.#latest : this.#before?.by === by ? this.#before : this.#find(by);
    if (seen === undefined) return;
    seen.process.items += items;
    seen.process.ms += ms;
    this.#retries += seen.retries;
    this.#losses += seen.losses;
    if (seen.isBackup) this.#backups.won++;
  }

  read(): Pick<MapInsights, "processes" | "retries" | "losses" | "backups"> {
    return {
      processes: [...this.#processes.values()]
        .map((process) => ({ ...process }))
        .toSorted((a, b) => b.items - a.items),
      retries: this.#retries,
      losses: this.#losses,
      backups: { ...this.#backups },
    };
  }

  #find(by: string): Seen | undefined {
    const seen = this.#seen.get(by) ?? this.#read(by);
    if (seen === undefined) return undefined;
    this.#before = this.#latest;
    this.#latest = seen;
    return seen;
  }

  /** Reads the text. Any other text is not counted, since anyone who can write to Redis may have written it. */
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
