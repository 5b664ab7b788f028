/** What the processes of a soak say to each other, over Node's channel. */

import type { Verdict } from "../work/tally.ts";
import type { MapKind } from "../work/workload.ts";

export interface ProducerOptions {
  readonly connection: string;
  readonly queue: string;
  /** Its maps are those of `workload(seed, name, number)`; with a name that begins with `durable`, durable ones. */
  readonly name: string;
  readonly seed: number;
  /** Number of its first map. A durable one is taken up if another producer had begun it. */
  readonly first: number;
  /** A durable map that a producer before it began: it is attached first. */
  readonly resumes: boolean;
}

export type ToActor = { readonly t: "memory" } | { readonly t: "stop" };

export type FromActor =
  | { readonly t: "ready" }
  | { readonly t: "memory"; readonly rss: number; readonly heap: number }
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
