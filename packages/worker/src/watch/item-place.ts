/** What one Redis holds of an item: its job, or its outcome. */

import { inspect } from "node:util";

import type { Cluster, Redis } from "ioredis";

import { decodeArguments, decodeEach } from "@poolmq/shared/internal";
import type { JobData, StoredJobData } from "@poolmq/shared/internal";
import { jobIdOf, parseObject, peekAtOutcome } from "@poolmq/shared/redis";
import type { QueueKeys } from "@poolmq/shared/redis";

/** How far before an item its chunk may begin. */
const MAX_CHUNK = 2_000;

/** The most outcomes of a durable map that are searched, the last first. */
const MAX_OUTCOMES = 500;

/** The most characters of a value's text that are shown. */
const MAX_CHARS = 10_000;

/** The job of an item. */
export interface ItemJob {
  readonly at: number;
  readonly data: JobData;
  readonly isTaken: boolean;
  readonly attempt: number | null;
}

/** The outcome of an item's job. */
export interface ItemEntry {
  readonly at: number;
  readonly ran: readonly string[];
  readonly outcome: string;
  readonly bytes: Buffer | undefined;
}

export class ItemPlace {
  readonly #redis: Redis | Cluster;
  readonly #keys: QueueKeys;

  /** The connection stays the caller's. */
  constructor({ redis, keys }: { readonly redis: Redis | Cluster; readonly keys: QueueKeys }) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** The job that holds an item begins at it or before it. */
  async job(mapId: string, index: number): Promise<ItemJob | undefined> {
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
    const stored = parseObject<StoredJobData>(text ?? "");
    if (stored === undefined) return undefined;
    const data = { ...stored, n: stored.n ?? 1 };
    if (typeof data.n !== "number" || typeof data.args !== "string" || at + data.n <= index) return undefined;
    const isTaken =
      processedOn != null && (await this.#redis.exists(`${this.#keys.job(jobIdOf(mapId, at))}:lock`)) === 1;
    return { at, data, isTaken, attempt: Number(attempts ?? 0) + (isTaken ? 1 : 0) || null };
  }

  /**
   * Finds the outcome of an item, which Redis has until its producer reads it or, of a durable map, until the map is
   * removed.
   */
  async entry(mapId: string, index: number): Promise<ItemEntry | undefined> {
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
    let best: ItemEntry | undefined;
    for (const fields of entries.flatMap(([, all]) => byJob(all))) {
      const field = (name: string): Buffer | undefined => fields.get(name);
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

  /** What an item of the job was given, as Node prints it; `null` if that is not there. */
  async argumentsOf(mapId: string, index: number, job: ItemJob): Promise<string | null> {
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

/** The fields of an entry by name, for each job that has its outcome there: several jobs have a line each in each field. */
function byJob(fields: readonly Buffer[]): Map<string, Buffer>[] {
  const entry = new Map<string, Buffer>();
  for (let place = 0; place + 1 < fields.length; place += 2) {
    const value = fields[place + 1];
    if (value !== undefined) entry.set(String(fields[place]), value);
  }
  const indices = String(entry.get("i") ?? "").split("\n");
  if (indices.length === 1) return [entry];
  const lines = [...entry].map(([name, value]) => [name, String(value).split("\n")] as const);
  return indices.map((_, n) => new Map(lines.map(([name, all]) => [name, Buffer.from(all[n] ?? "")])));
}

/** Where the job of an item may begin, the most likely first. */
function startsOf(index: number): number[] {
  return Array.from({ length: Math.min(index, MAX_CHUNK) + 1 }, (_, back) => index - back);
}

function itemsOf(entry: ItemEntry): number {
  return valuesOf(entry)?.length ?? 0;
}

function valuesOf(entry: ItemEntry): unknown[] | undefined {
  const told = peekAtOutcome(entry.outcome);
  try {
    if (told.startsWith("=")) return decodeEach(told.slice(1), entry.bytes);
    const outcomes = JSON.parse(told.slice(1)) as unknown;
    return Array.isArray(outcomes) ? (outcomes as unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

/** What an item returned, as Node prints it; `null` if it failed. */
export function resultOf(index: number, entry: ItemEntry): string | null {
  if (!peekAtOutcome(entry.outcome).startsWith("=")) return null;
  return text(valuesOf(entry)?.[index - entry.at]);
}

function text(value: unknown): string {
  const shown = inspect(value, { depth: 5, maxArrayLength: 100, maxStringLength: 2_000 });
  return shown.length > MAX_CHARS ? `${shown.slice(0, MAX_CHARS)}…` : shown;
}
