import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { Meter } from "../map/meter.ts";
import type { CarriedMap, Transport } from "../map/transport.ts";
import type { Jobs } from "./jobs.ts";
import type { DurableMaps } from "./kinds/durable-maps.ts";
import type { MapMode } from "./kinds/map-kind.ts";
import type { ReportedMap } from "./map-reports.ts";
import type { Shares } from "./shares.ts";

/** Facts of a map that is to be gathered. */
export interface OpenFacts {
  /** Whether another producer began it. */
  readonly resumed?: boolean;
  /** How long it is kept after it was delivered, in ms. */
  readonly keepMs?: number | undefined;
  /** Set if the map is reported to watchers. */
  readonly report?: ReportedMap;
}

/** What an engine needs of a gather, whether the queue is on one Redis or spread over several. */
export interface MapGather extends Transport {
  readonly jobs: Pick<Jobs, "setPriority">;
  readonly durable: Pick<DurableMaps, "claim" | "find" | "acknowledge">;
  readonly shares: Pick<Shares, "send" | "release">;
  /** Whether Redis refuses what it is asked. */
  readonly isRefused: boolean;
  /** Begins to gather a map's outcomes. Must come before its first `enqueue`. */
  open(map: CarriedMap, mode: MapMode, facts?: OpenFacts): Promise<void>;
  /** Asks Redis something for a map, and again after refusals that may pass, until it answers or the map has ended. */
  ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V>;
  /** Stops reading the map, which stays as it is. */
  leave(map: CarriedMap): void;
  /**
   * The live machines; if `asked` is "remembered", also those that fell silent a short while ago.
   *
   * @throws SigningKeyError if all of them have other signing keys
   */
  machines(asked?: "live" | "remembered"): Promise<WorkerAdvertisement[]>;
  /** The measurements of this producer's items. */
  measured(): ReturnType<Meter["read"]>;
  /** Numbers of jobs that wait and that run, of all producers on the queue. */
  counts(): Promise<{ readonly waiting: number; readonly active: number }>;
  /** How many jobs of a map wait for a server that does not answer, while others could go. Absent: there is one server. */
  stuck?(map: Pick<CarriedMap, "id">): number;
  /** Removes all keys of the queue from Redis. Only for a private queue. */
  obliterate(): Promise<void>;
}
