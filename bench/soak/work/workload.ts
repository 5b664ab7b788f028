/** The maps of a soak's producers, of several kinds, each made from the seed, and their expected outcomes. */

import type { CallDefaults } from "@poolmq/producer";

import { seededRandom } from "../../../tests/support/random.ts";
import { EVIL } from "./evil.ts";
import type { EvilDeed } from "./evil.ts";
import type { Item } from "./tasks.ts";

/** The engine of a producer's pool. */
export type Engine = "Redis" | "processes" | "threads";

interface Kind {
  readonly count: number;
  /** How an item behaves, by a number from 0 to 1. @defaultValue mostly waits, sometimes spins */
  readonly how?: (chance: number, engine: Engine) => Item["how"];
  readonly options?: CallDefaults;
  /** Whether it needs a queue in Redis. */
  readonly needsRedis?: true;
}

/** Time limit, in ms, for maps with items that never end. Other items must stay far below it. */
const TIMEOUT_MS = 6_000;

const kinds = {
  map: { count: 300 },
  starmap: { count: 2_000 },
  imap: { count: 200 },
  imapUnordered: { count: 300 },
  istarmap: { count: 1_000 },
  istarmapUnordered: { count: 1_000 },
  apply: { count: 60 },
  "large results": { count: 80, how: () => "is large" },
  "large arguments": { count: 60 },
  "shared value": { count: 500 },
  troubles: {
    count: 60,
    how: (chance) => {
      if (chance < 0.2) return "throws";
      if (chance < 0.4) return "throws at first";
      return chance < 0.42 ? "never ends" : "waits";
    },
    options: { attempts: 2, taskTimeoutMs: TIMEOUT_MS },
  },
  "back-offs": {
    count: 80,
    how: (chance) => (chance < 0.3 ? "throws at first" : chance < 0.4 ? "throws" : "waits"),
    options: { attempts: 3, backoff: { type: "exponential", delayMs: 100, jitter: 0.5 } },
  },
  speculated: {
    count: 150,
    how: (chance) => (chance < 0.02 ? "lags" : "waits"),
    options: { speculate: { factor: 2, minMs: 100 } },
  },
  "slow chunks": {
    count: 200,
    how: (chance) => (chance < 0.02 ? "lags" : "waits"),
    options: { chunksize: 40 },
  },
  folded: { count: 400, how: () => "waits" },
  batched: { count: 300, how: (chance) => (chance < 0.05 ? "throws" : "waits") },
  "many calls": { count: 1_500, how: () => "waits" },
  limited: { count: 60, options: { limit: { key: "some at once", concurrency: 2 } } },
  "limited by rate": { count: 60, options: { limit: { key: "some a second", ratePerSecond: 40 } } },
  cancelled: { count: 300 },
  "cancelled by a signal": { count: 300 },
  "fails fast": {
    count: 100,
    how: (chance) => (chance < 0.05 ? "throws" : "waits"),
    options: { failFast: true },
  },
  attached: { count: 200, needsRedis: true },
  "cancelled by who attached": { count: 200, needsRedis: true },
} as const satisfies Readonly<Record<string, Kind>>;

const more = {
  durable: { count: 400, options: { chunksize: 3 } },
  evil: {
    count: 40,
    how: (chance, engine) => {
      if (chance > 0.15) return "waits";
      const deeds = (Object.keys(EVIL) as EvilDeed[]).filter(
        (deed) => engine !== "threads" || !EVIL[deed].needsProcess,
      );
      return deeds[Math.floor((chance / 0.15) * deeds.length)] ?? "waits";
    },
    options: { taskTimeoutMs: TIMEOUT_MS },
  },
} as const satisfies Readonly<Record<string, Kind>>;

export type MapKind = keyof typeof kinds | keyof typeof more;

const KINDS: Readonly<Record<MapKind, Kind>> = { ...kinds, ...more };

/** Codes or names of the errors that an item may end in because its map ended before it. */
const ENDS_EARLY: Readonly<Partial<Record<MapKind, string>>> = {
  cancelled: "CANCELLED",
  "cancelled by a signal": "CANCELLED",
  "cancelled by who attached": "CANCELLED",
  // The error of the item that failed.
  "fails fast": "RangeError",
};

/** The error that an item of such a map may end in, because its map ended before it. */
export function endsEarly(kind: MapKind): string | undefined {
  return ENDS_EARLY[kind];
}

const CHUNK_SIZES: readonly NonNullable<CallDefaults["chunksize"]>[] = [1, 1, 2, 7, 50, "auto"];

export interface Workload {
  readonly kind: MapKind;
  /** Unique text in all of its items and results; also the id of a durable map. */
  readonly tag: string;
  readonly items: readonly Item[];
  readonly options: CallDefaults;
}

/**
 * The `number`-th map of a producer. The same arguments give the same map.
 *
 * @param producer - its name. If it begins with `durable`, all maps are durable; if it contains `evil`, every third map
 * has evil tasks
 */
export function workload(seed: number, producer: string, number: number, engine: Engine): Workload {
  const tag = `${producer}-${number}`;
  const random = seededRandom(Buffer.from(tag).reduce((sum, byte) => Math.imul(sum, 31) + byte, seed));
  const kind = kindOf(producer, number, engine, random());
  const { count, how = usual, options } = KINDS[kind];
  const items = Array.from({ length: count }, (_, x): Item => {
    return { tag, x, ms: Math.floor(random() ** 4 * 40), how: how(random(), engine) };
  });
  // A durable map must be divided in the same way by a process that takes it up, so it can't have "auto", the last size.
  const sizes = "needsRedis" in KINDS[kind] ? CHUNK_SIZES.length - 1 : CHUNK_SIZES.length;
  const chunksize = CHUNK_SIZES[Math.floor(random() * sizes)];
  const priority = random() < 0.2 ? { priority: 1 + Math.floor(random() * 3) } : {};
  return { kind, tag, items, options: { chunksize, ...priority, ...options } };
}

function kindOf(producer: string, number: number, engine: Engine, chance: number): MapKind {
  if (producer.startsWith("durable")) return "durable";
  if (producer.includes("evil") && number % 3 === 1) return "evil";
  const possible = (Object.keys(kinds) as (keyof typeof kinds)[]).filter(
    (kind) => engine === "Redis" || KINDS[kind].needsRedis === undefined,
  );
  return possible[Math.floor(chance * possible.length)] ?? "map";
}

function usual(chance: number): Item["how"] {
  return chance < 0.2 ? "spins" : "waits";
}

/** What should become of an item: `=` and its result, or `!` and the code or name of its error. */
export function expectedOf({ how }: Item, result: string): string {
  const error = errorOf(how);
  return error === undefined ? `=${result}` : `!${error}`;
}

function errorOf(how: Item["how"]): string | undefined {
  if (how === "throws") return "RangeError";
  if (how === "never ends") return "TASK_TIMEOUT";
  return how in EVIL ? EVIL[how as EvilDeed].ends : undefined;
}

/** Whether it occupies its process for so long that random kills may hit it several times. */
export function isLong(how: Item["how"] | undefined): boolean {
  return how !== undefined && errorOf(how) === "TASK_TIMEOUT";
}

/** Whether it may reach its time limit before its process is lost, if the computer is busy. */
export function mayRunOut(how: Item["how"] | undefined): boolean {
  return how !== undefined && errorOf(how) === "WORKER_LOST";
}
