/** What the producers of a soak ask for: maps of several kinds, each made from the seed, and what they must give. */

import { seededRandom } from "../../../tests/support/random.ts";
import type { Item } from "./tasks.ts";

export type MapKind =
  | "map"
  | "starmap, chunks of 7"
  | "starmap, chunksize auto"
  | "imap, slow reader"
  | "imapUnordered"
  | "map of troubles"
  | "large results"
  | "cancelled"
  | "durable";

export interface Workload {
  readonly kind: MapKind;
  /** Tells its items and results from those of all others; also the id of a durable map. */
  readonly tag: string;
  readonly items: readonly Item[];
}

const PLAIN: readonly MapKind[] = [
  "map",
  "starmap, chunks of 7",
  "starmap, chunksize auto",
  "imap, slow reader",
  "imapUnordered",
  "map of troubles",
  "large results",
  "cancelled",
];

const COUNTS: Readonly<Record<MapKind, number>> = {
  map: 300,
  "starmap, chunks of 7": 1_400,
  "starmap, chunksize auto": 5_000,
  "imap, slow reader": 300,
  imapUnordered: 300,
  "map of troubles": 60,
  "large results": 80,
  cancelled: 300,
  durable: 400,
};

/** The `number`-th map of a producer. The same arguments give the same map. */
export function workload(seed: number, producer: string, number: number): Workload {
  const tag = `${producer}-${number}`;
  const random = seededRandom(Buffer.from(tag).reduce((sum, byte) => Math.imul(sum, 31) + byte, seed));
  const isDurable = producer.startsWith("durable");
  const kind = isDurable ? "durable" : (PLAIN[Math.floor(random() * PLAIN.length)] ?? "map");
  const items = Array.from({ length: COUNTS[kind] }, (_, x): Item => {
    return { tag, x, ms: Math.floor(random() ** 4 * 40), how: howOf(kind, random()) };
  });
  return { kind, tag, items };
}

function howOf(kind: MapKind, chance: number): Item["how"] {
  if (kind === "large results") return "is large";
  if (kind !== "map of troubles") return chance < 0.2 ? "spins" : "waits";
  if (chance < 0.2) return "throws";
  if (chance < 0.4) return "throws at first";
  return chance < 0.42 ? "never ends" : "waits";
}

/** Time limit, in ms, of the items of a map that has some which never end. Others must be far from it. */
export const TROUBLE_TIMEOUT_MS = 5_000;

/** What should become of an item: `=` and its result, or `!` and the code or name of its error. */
export function expectedOf({ how }: Item, result: string): string {
  if (how === "throws") return "!RangeError";
  return how === "never ends" ? "!TASK_TIMEOUT" : `=${result}`;
}
