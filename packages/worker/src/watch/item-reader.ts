/** Reads one item of a map: where it is, its error and, if values may be shown, its arguments and result. */

import { inspect } from "node:util";

import type { Cluster, Redis } from "ioredis";

import { decodeArguments, decodeEach } from "@poolmq/shared/internal";
import type { JobData } from "@poolmq/shared/internal";
import { jobIdOf, parseObject, peekAtOutcome, queueKeys } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { ErrorGroupView } from "./queue-view.ts";
import type { QueueWatcher } from "./queue-watcher.ts";

/** How far before an item its chunk may begin. */
const MAX_CHUNK = 2_000;

/** The most outcomes of a durable map that are searched, the last first. */
const MAX_OUTCOMES = 500;

/** The most characters of a value's text that are shown. */
const MAX_CHARS = 10_000;

/** What is known of an item. */
export interface ItemView {
  readonly mapId: string;
  readonly index: number;
  readonly task: string | null;
  /**
   * `waiting`: its job waits for a worker, or for another attempt. `running`: a machine reports that it runs. `taken`: a
   * machine has its job, and runs another item of it or has not reported. `ended`: Redis has its outcome.
   * `unknown`: Redis has nothing of it, because its producer has read its outcome, or because it was not sent yet.
   */
  readonly state: "waiting" | "running" | "taken" | "ended" | "unknown";
  /** Where it runs or ran, if that is known. */
  readonly ran: {
    readonly worker: string;
    readonly host: string | null;
    readonly pid: number;
    readonly sinceMs: number | null;
    readonly ms: number | null;
  } | null;
  /** Number of the attempt that runs, or was the last. */
  readonly attempt: number | null;
  /** Processes and machines that were lost with it. */
  readonly losses: number | null;
  /** First index of its job, and number of the job's items. */
  readonly job: { readonly at: number; readonly items: number } | null;
  readonly error: Pick<ErrorGroupView, "name" | "message" | "stack"> | null;
  /** Its arguments and its result, as Node prints them; `null` if they are unknown, or not to be shown. */
  readonly arguments: string | null;
  readonly result: string | null;
}

interface Job {
  readonly at: number;
  readonly data: JobData;
  readonly isTaken: boolean;
  readonly attempt: number | null;
}

interface Entry {
  readonly at: number;
  readonly ran: readonly string[];
  readonly outcome: string;
  readonly bytes: Buffer | undefined;
}

export class ItemReader {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;
  readonly #watcher: QueueWatcher;
  readonly #showsValues: boolean;

  /** The connection stays the caller's. @param showsValues - arguments and results may be shown */
  constructor(
    redis: Redis | Cluster,
    options: { readonly queue: string; readonly prefix?: string | undefined; readonly showsValues: boolean },
    watcher: QueueWatcher,
  ) {
    this.#redis = redis;
    this.#keys = queueKeys(options.queue, options.prefix);
    this.#watcher = watcher;
    this.#showsValues = options.showsValues;
  }

  async read(mapId: string, index: number): Promise<ItemView> {
    const [view, errors, job, entry] = await Promise.all([
      this.#watcher.read(),
      this.#watcher.errors(mapId),
      this.#job(mapId, index),
      this.#entry(mapId, index),
    ]);
    const map = view.maps.find(({ id }) => id === mapId);
    const group = errors?.groups.find(({ indices }) => indices.includes(index));
    const where = view.machines.flatMap(({ id, host, children }) =>
      (children ?? []).flatMap(({ pid, running }) =>
        running
          .filter((run) => run.mapId === mapId && index >= run.index && index < run.index + run.items)
          .map((run) => ({ worker: id, host, pid, run })),
      ),
    )[0];
    const isEnded = entry !== undefined || group !== undefined;
    const state =
      where !== undefined
        ? "running"
        : job !== undefined
          ? job.isTaken
            ? "taken"
            : "waiting"
          : isEnded
            ? "ended"
            : "unknown";
    const [ms, worker, pid, attempt, lost] = entry?.ran ?? [];
    const ended =
      worker === undefined
        ? null
        : {
            worker,
            host: view.machines.find(({ id }) => id === worker)?.host ?? null,
            pid: Number(pid),
            sinceMs: null,
            ms: Number(ms),
          };
    return {
      mapId,
      index,
      task: map?.task ?? errors?.task ?? null,
      state,
      ran:
        where === undefined
          ? ended
          : { worker: where.worker, host: where.host, pid: where.pid, sinceMs: where.run.sinceMs, ms: null },
      attempt: where?.run.attempt ?? job?.attempt ?? (entry === undefined ? null : Number(attempt ?? 1)),
      losses: job?.data.suspect?.losses ?? (entry === undefined ? null : Number(lost ?? 0)),
      job: job === undefined ? null : { at: job.at, items: job.data.n },
      error: group === undefined ? null : { name: group.name, message: group.message, stack: group.stack },
      arguments: this.#showsValues ? await this.#argumentsOf(mapId, index, job) : null,
      result: this.#showsValues && entry !== undefined ? resultOf(index, entry) : null,
    };
  }

  /** The job that holds an item begins at it or before it. */
  async #job(mapId: string, index: number): Promise<Job | undefined> {
    const starts = startsOf(index);
    const pipeline = this.#redis.pipeline();
    for (const at of starts) pipeline.exists(this.#keys.job(jobIdOf(mapId, at)));
    const found = (await pipeline.exec()) ?? [];
    const at = starts[found.findIndex(([, there]) => there === 1)];
    if (at === undefined) return undefined;
    const [text, attempts, processedOn] = await this.#redis.hmget(
      this.#keys.job(jobIdOf(mapId, at)),
      "data",
      "atm",
      "processedOn",
    );
    const data = parseObject<JobData>(text ?? "");
    if (typeof data?.n !== "number" || typeof data.args !== "string" || at + data.n <= index)
      return undefined;
    const isTaken =
      processedOn != null && (await this.#redis.exists(`${this.#keys.job(jobIdOf(mapId, at))}:lock`)) === 1;
    return { at, data, isTaken, attempt: Number(attempts ?? 0) + (isTaken ? 1 : 0) || null };
  }

  /**
   * Finds the outcome of an item, which Redis has until its producer reads it or, of a durable map, until the map is
   * removed.
   */
  async #entry(mapId: string, index: number): Promise<Entry | undefined> {
    const out = this.#keys.out(mapId);
    const kept = (await this.#redis.hmget(this.#keys.failed(mapId), ...startsOf(index).map(String))).find(
      Boolean,
    );
    // A job that is kept for a retry names the id of its outcome.
    const [id = ""] = kept?.split(" ") ?? [];
    const entries =
      id === ""
        ? await this.#redis.xrevrangeBuffer(out, "+", "-", "COUNT", MAX_OUTCOMES)
        : await this.#redis.xrangeBuffer(out, id, id);
    let best: Entry | undefined;
    for (const [, fields] of entries) {
      const field = (name: string): Buffer | undefined => {
        const place = fields.findIndex((value, i) => i % 2 === 0 && String(value) === name);
        return place === -1 ? undefined : fields[place + 1];
      };
      const [at, outcome] = [field("i"), field("o")];
      if (at === undefined || outcome === undefined || Number(at) > index) continue;
      if (best !== undefined && best.at >= Number(at)) continue;
      best = {
        at: Number(at),
        ran: String(field("ran") ?? "").split(" "),
        outcome: String(outcome),
        bytes: field("b"),
      };
    }
    return best !== undefined && index < best.at + itemsOf(best) ? best : undefined;
  }

  async #argumentsOf(mapId: string, index: number, job: Job | undefined): Promise<string | null> {
    if (job === undefined) return null;
    const { at, data } = job;
    try {
      const bytes =
        data.bytes === undefined ? undefined : await this.#redis.hgetBuffer(this.#keys.in(mapId), String(at));
      const { form, values } = decodeArguments(data.args, bytes ?? undefined);
      const given = values[index - at];
      return text(form === "one" ? [given] : given);
    } catch {
      return null;
    }
  }
}

/** Where the job of an item may begin, the most likely first. */
function startsOf(index: number): number[] {
  return Array.from({ length: Math.min(index, MAX_CHUNK) + 1 }, (_, back) => index - back);
}

function itemsOf(entry: Entry): number {
  return valuesOf(entry)?.length ?? 0;
}

function valuesOf(entry: Entry): unknown[] | undefined {
  const told = peekAtOutcome(entry.outcome);
  try {
    if (told.startsWith("=")) return decodeEach(told.slice(1), entry.bytes);
    const outcomes = JSON.parse(told.slice(1)) as unknown;
    return Array.isArray(outcomes) ? (outcomes as unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

function resultOf(index: number, entry: Entry): string | null {
  if (!peekAtOutcome(entry.outcome).startsWith("=")) return null;
  return text(valuesOf(entry)?.[index - entry.at]);
}

function text(value: unknown): string {
  const shown = inspect(value, { depth: 5, maxArrayLength: 100, maxStringLength: 2_000 });
  return shown.length > MAX_CHARS ? `${shown.slice(0, MAX_CHARS)}…` : shown;
}
