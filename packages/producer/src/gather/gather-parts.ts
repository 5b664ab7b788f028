/** The parts of a gather. Each does its own work; `Gather` decides for which map. */

import type { Cluster, Redis } from "ioredis";

import { GatherScripts, Machines, removeLimbo, restageLimbo, wrongServer } from "@poolmq/shared/redis";
import type { Signer } from "@poolmq/shared/internal";
import type { LargestValue, QueueKeys } from "@poolmq/shared/redis";

import { Meter } from "../map/meter.ts";
import type { CarriedMap } from "../map/transport.ts";
import { OutcomeReader } from "../outcomes/outcome-reader.ts";
import { RedisWatch } from "../redis/redis-watch.ts";
import { Seals } from "../signing/seals.ts";
import { Backups } from "./backups.ts";
import { CleanUp } from "./clean-up.ts";
import { DurableMaps } from "./kinds/durable-maps.ts";
import { EndedMaps } from "./kinds/ended-maps.ts";
import type { GatheredMap } from "./kinds/gathered-map.ts";
import { Jobs } from "./jobs.ts";
import type { KindTools } from "./kinds/map-kind.ts";
import { MapReports } from "./map-reports.ts";
import { MissingShares } from "./missing-shares.ts";
import { Shares, sharesOf } from "./shares.ts";

/** The queue that a gather works on. */
export interface GatheredQueue {
  readonly keys: QueueKeys;
  /** Its name, for messages. */
  readonly queue: string;
  readonly signer: Signer | undefined;
  readonly signatureTtlMs: number;
  /**
   * Set if the queue is one of several shards: the meter that they share. Their silence is then reported by the
   * `ShardedGather`.
   */
  readonly shard?: { readonly meter: Meter };
  /** The largest value that the server takes, if it limits that. */
  readonly largest?: LargestValue | undefined;
}

export interface GatherHooks {
  /** Logs an error that passes, or that does not concern a single map. */
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  /** Reports something that a person should look at. */
  alarm(message: string): void;
  /** Called with each clean-up of a map in Redis, which should be done before this process ends. */
  cleaning(done: Promise<unknown>): void;
  /**
   * Called with a map that was looked after, because nothing was heard of it, or of some of its jobs, for long: there may be
   * no worker any more.
   */
  quiet?(map: Pick<CarriedMap, "id" | "ended">): void;
  /** The workers end with this process, so this process has to remove the jobs that they run. */
  readonly ownWorkers: boolean;
}

/** Asks Redis something for a map, until it answers or the map has ended. */
type Ask = <V>(map: Pick<CarriedMap, "id" | "ended">, question: () => Promise<V>) => Promise<V>;

export interface GatherParts {
  readonly scripts: GatherScripts;
  readonly machines: Machines;
  readonly durable: DurableMaps;
  readonly shares: Shares;
  readonly missingShares: MissingShares;
  readonly jobs: Jobs;
  readonly meter: Meter;
  readonly reports: MapReports;
  readonly backups: Backups;
  readonly cleanUp: CleanUp;
  readonly watch: RedisWatch;
  /** The parts that the kinds of maps use. */
  readonly tools: KindTools;
}

/**
 * @param blocking - the connection that waits for outcomes
 * @param gathered - gives a map that is under way
 */
export function gatherParts(
  redis: Redis | Cluster,
  blocking: Redis | Cluster,
  queue: GatheredQueue,
  hooks: GatherHooks,
  ask: Ask,
  gathered: (mapId: string) => GatheredMap | undefined,
): GatherParts {
  const { keys } = queue;
  const watch = new RedisWatch(
    { write: () => redis.setrange(keys.wake("nobody"), 0, ""), wrongServer: () => wrongServer(redis) },
    { ...hooks, tellsSilence: queue.shard === undefined },
  );
  const warn = watch.warn.bind(watch);
  const seals = new Seals({ ...queue, alarm: (message) => hooks.alarm(message) });
  const scripts = new GatherScripts(redis, keys);
  const durable = new DurableMaps(redis, queue, seals);
  const machines = new Machines(redis, keys);
  const shares = new Shares({ redis, keys, seals, warn });
  const meter = queue.shard?.meter ?? new Meter();
  const jobs = new Jobs({ redis, keys, scripts, seals, meter, warn });
  const { ownWorkers } = hooks;
  const cleaning = (done: Promise<unknown>): void => hooks.cleaning(done);
  return {
    scripts,
    machines,
    durable,
    shares,
    missingShares: new MissingShares({ shares, scripts, jobs, warn }),
    jobs,
    meter,
    reports: new MapReports(redis, keys),
    backups: new Backups({ redis, keys, jobs, seals, machines, gathered, warn }),
    cleanUp: new CleanUp({ redis, keys, jobs, seals, ownWorkers, gathered, warn, cleaning }),
    watch,
    tools: {
      scripts,
      durable,
      seals,
      ended: new EndedMaps(async (mapIds) => await scripts.drop(...mapIds)),
      reader: new OutcomeReader(redis, blocking, { keys, seals }, warn),
      keepShares: (chunks) => shares.outlast(sharesOf(chunks)),
      removeLimbo: (mapId, indices) => removeLimbo(redis, keys, mapId, indices),
      restageLimbo: (mapId, indices) => restageLimbo(redis, keys, mapId, indices),
      warn,
      ask,
    },
  };
}
