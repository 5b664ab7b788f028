/** Where the time of a map went: what `insights()` gives. */

/** Percentiles of a time, in ms, each within 2.5 % of the true one. */
export interface TimeSpread {
  /** Mean, in ms. */
  readonly meanMs: number;
  /** Half of the items took less than this, in ms. */
  readonly p50Ms: number;
  /** Nine of ten items took less than this, in ms. */
  readonly p90Ms: number;
  /** All but one item in a hundred took less than this, in ms. */
  readonly p99Ms: number;
  /** The longest, in ms. */
  readonly maxMs: number;
}

/** A job that took long. */
export interface SlowJob {
  /** Index of its item, or of the first of its items. */
  readonly index: number;
  /** Number of its items: more than one only with a `chunksize`. */
  readonly items: number;
  /** How long it ran, in ms: its last attempt. */
  readonly ms: number;
}

/** What one process, or one thread, did of a map. */
export interface ProcessShare {
  /** The worker machine, or the thread pool: `<host>-<pid>-<random>`. */
  readonly worker: string;
  /** Process id; number of the thread in a `ThreadPool`. */
  readonly pid: number;
  /** Items that got their outcome there. */
  readonly items: number;
  /** How long it ran them, in ms. */
  readonly ms: number;
}

/** How the items were packed into jobs. */
export interface ChunkInsights {
  /** Jobs that got their outcome. */
  readonly jobs: number;
  /** Items of the smallest of them. */
  readonly smallest: number;
  /** Items of the largest of them. */
  readonly largest: number;
  /** In words: who chose the size, and from what. */
  readonly why: string;
}

/** Where the time of a map went, so far or in all. Times of a chunk are shared evenly among its items. */
export interface MapInsights {
  /** Items that got their outcome. */
  readonly items: number;
  /** Items that failed. */
  readonly failed: number;
  /** Since the first item was handed to the workers, in ms; until the end once the map has ended. */
  readonly durationMs: number;
  /** From an item's enqueuing to its start, including earlier attempts and their back-off. */
  readonly waiting: TimeSpread | undefined;
  /** In the function, during the last attempt. */
  readonly running: TimeSpread | undefined;
  /** From the item's end until its outcome was here. */
  readonly transit: TimeSpread | undefined;
  /** The ten jobs that ran longest per item, the longest first. */
  readonly slowest: readonly SlowJob[];
  /** What each process did, the busiest first: the first thousand that were seen. */
  readonly processes: readonly ProcessShare[];
  /** How often jobs were tried again because an item had failed. */
  readonly retries: number;
  /** How often jobs were run again because their process or machine was lost. */
  readonly losses: number;
  /** With `speculate`: number of backups, and how many of them had the first outcome. */
  readonly backups: { readonly started: number; readonly won: number };
  /** How the items were packed into jobs. */
  readonly chunks: ChunkInsights;
  /** All of this in a paragraph. */
  readonly summary: string;
  /** The summary. */
  toString(): string;
}

/** Adds the summary. */
export function withSummary(facts: Omit<MapInsights, "summary" | "toString">): MapInsights {
  const summary = summarize(facts);
  return { ...facts, summary, toString: () => summary };
}

function summarize(facts: Omit<MapInsights, "summary" | "toString">): string {
  const {
    items,
    failed,
    durationMs,
    waiting,
    running,
    transit,
    slowest,
    processes,
    retries,
    losses,
    backups,
    chunks,
  } = facts;
  if (items === 0) return "No item has come to its outcome.";
  const sentences = [
    `${count(items, "item")} in ${time(durationMs)}${failed === 0 ? "" : `, of which ${failed.toLocaleString("en")} failed`}` +
      (processes.length === 0 ? "." : `, on ${count(processes.length, "process", "processes")}.`),
    running === undefined ? "" : `An item ran for ${spread(running)}.`,
    waiting === undefined ? "" : `Before that it waited for ${spread(waiting)}.`,
    transit === undefined ? "" : `Its outcome took ${spread(transit)} to come back.`,
    busy(processes, durationMs),
    slowestOf(slowest),
    retries === 0 ? "" : `${count(retries, "time")} a job was tried again after a failure.`,
    losses === 0 ? "" : `${count(losses, "time")} a job was run again because its process was lost.`,
    backups.started === 0
      ? ""
      : `${count(backups.started, "straggler")} got a backup run, of which ${backups.won.toLocaleString("en")} came first.`,
    `The items went in ${count(chunks.jobs, "job")}${sizes(chunks)}: ${chunks.why}.`,
  ];
  return sentences.filter((sentence) => sentence !== "").join(" ");
}

function spread({ p50Ms, p99Ms, maxMs }: TimeSpread): string {
  return `${time(p50Ms)} (99 % less than ${time(p99Ms)}, the longest ${time(maxMs)})`;
}

/** Says how much of the time the processes ran this map's items. */
function busy(processes: readonly ProcessShare[], durationMs: number): string {
  if (processes.length === 0 || durationMs <= 0) return "";
  const ran = processes.reduce((sum, { ms }) => sum + ms, 0);
  const part = Math.min(1, ran / (processes.length * durationMs));
  return `The processes were busy with it for ${Math.round(part * 100)} % of that time.`;
}

function slowestOf([first]: readonly SlowJob[]): string {
  if (first === undefined) return "";
  const { index, items, ms } = first;
  return items === 1
    ? `The slowest item was number ${index}, with ${time(ms)}.`
    : `The slowest items were ${index} to ${index + items - 1}, with ${time(ms)} together.`;
}

function sizes({ smallest, largest }: ChunkInsights): string {
  if (smallest === largest) return ` of ${largest.toLocaleString("en")}`;
  return ` of ${smallest.toLocaleString("en")} to ${largest.toLocaleString("en")}`;
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** Formats a time with two significant digits. */
function time(ms: number): string {
  if (ms < 0.001) return "no time";
  if (ms < 1) return `${Number((ms * 1_000).toPrecision(2))} µs`;
  if (ms >= 100_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms >= 10 ? ms.toFixed(0) : ms.toPrecision(2)} ms`;
}
