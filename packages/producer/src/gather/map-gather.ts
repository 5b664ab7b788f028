import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { Meter } from "../map/meter.ts";
import type { CarriedMap, Transport } from "../map/transport.ts";
import type { Jobs } from "./jobs.ts";
import type { DurableMaps } from "./kinds/durable-maps.ts";
import type { MapMode } from "./kinds/map-kind.ts";
import type { ReportedMap } from "./map-reports.ts";
import type { Shares } from "./shares.ts";

/** What is known of a map that is to be gathered. */
export interface OpenFacts {
  /** Another producer began it. */
  readonly resumed?: boolean;
  /** For how long it is kept once it was delivered. */
  readonly keepMs?: number | undefined;
  /** Who watches the queue is told of it. */
  readonly report?: ReportedMap;
}

/** What an engine needs of the gather of a queue: of one on one Redis, or of one that is spread over several. */
export interface MapGather extends Transport {
  readonly jobs: Pick<Jobs, "setPriority">;
  readonly durable: Pick<DurableMaps, "claim" | "find" | "acknowledge">;
  readonly shares: Pick<Shares, "send" | "release">;
  /** Redis refuses what it is asked. */
  readonly isRefused: boolean;
  /** Begins to gather a map's outcomes. Must come before its first `enqueue`. */
  open(map: CarriedMap, mode: MapMode, facts?: OpenFacts): Promise<void>;
  /** Asks Redis something for a map, until it answers or the map has ended: what it refuses for now, it takes later. */
  ask<V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>): Promise<V>;
  /** Reads no more of the map, which stays as it is. */
  leave(map: CarriedMap): void;
  /** The live machines. @throws SigningKeyError if there are only machines that we can't work with */
  machines(): Promise<WorkerAdvertisement[]>;
  /** What was measured of this producer's items. */
  measured(): ReturnType<Meter["read"]>;
  /** Numbers of jobs that wait and that run, of all producers on the queue. */
  counts(): Promise<{ readonly waiting: number; readonly active: number }>;
  /** Removes everything that the queue keeps in Redis. Only for a queue that is this producer's own. */
  obliterate(): Promise<void>;
}
