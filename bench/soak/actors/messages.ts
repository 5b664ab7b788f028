/** The messages between the processes of a soak, over Node's IPC channel. */

import type { Verdict } from "../work/tally.ts";
import type { Engine, MapKind } from "../work/workload.ts";

export interface ProducerOptions {
  /** What its pool stands on: a Redis with a fleet, or this machine's memory. */
  readonly engine: Engine;
  readonly connection: string | readonly string[];
  readonly queue: string;
  readonly signingKey?: string | undefined;
  /** Its maps are those of `workload(seed, name, number, engine)`; with a name that begins with `durable`, durable ones. */
  readonly name: string;
  readonly seed: number;
  /** Number of its first map. A durable one is taken up if another producer had begun it. */
  readonly first: number;
  /** A durable map that a producer before it began: it is attached first. */
  readonly resumes: boolean;
}

export type ToActor = { readonly t: "usage" } | { readonly t: "stop" };

/** The resources of a process. */
export interface Usage {
  /** All that is resident, with the pages that V8 keeps of the largest heap there ever was. */
  readonly rss: number;
  /** What is resident outside of V8's heap. */
  readonly outside: number;
  /**
   * What the heap holds after a collection. Absent while a map runs, because a map of many calls takes ten MiB more than
   * others, and gives them back.
   */
  readonly heap?: number | undefined;
  /** Open descriptors; 0 where the system does not tell. */
  readonly descriptors: number;
}

export type FromActor =
  | { readonly t: "ready" }
  | ({ readonly t: "usage" } & Usage)
  | { readonly t: "began"; readonly number: number; readonly tag: string; readonly mapId: string }
  | {
      readonly t: "ended";
      readonly number: number;
      readonly tag: string;
      readonly mapId: string;
      readonly kind: MapKind;
      readonly items: number;
      readonly verdict: Verdict;
    };
