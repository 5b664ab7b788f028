import { QueueWatcher, type MapView } from "@poolmq/worker/internal";
import type { Pool } from "@poolmq/producer";
import type { WorkerMachine } from "@poolmq/worker";

import type * as tasks from "../fixtures/watched-tasks.ts";
import type { RedisServer } from "./redis-server.ts";
import { Marks, Stage } from "./stage.ts";
import { until } from "./until.ts";

type Tasks = typeof tasks;

const MODULE = new URL("../fixtures/watched-tasks.ts", import.meta.url);

/** A queue that is watched, with tasks that end, fail or wait as their items say. */
export class Watched extends Stage {
  static readonly module: URL = MODULE;
  readonly marks = new Marks();
  readonly watcher: QueueWatcher;
  readonly redis: RedisServer["admin"];

  constructor(redis: RedisServer) {
    super(redis);
    this.redis = redis.admin;
    this.watcher = new QueueWatcher(redis.admin, this);
  }

  workers(processes = 1): Promise<WorkerMachine> {
    return this.machine({ module: MODULE, processes });
  }

  client(): Pool<Tasks> {
    return this.pool<Tasks>();
  }

  /** Makes one item for each of these steps. */
  steps(...does: tasks.Step["does"][]): tasks.Step[] {
    return does.map((what, x) => ({ does: what, x, gate: this.marks.gate }));
  }

  /** Waits until the view of a map satisfies `looks`. */
  async map(id: string, looks: (map: MapView) => boolean = () => true): Promise<MapView> {
    return await until(
      async () => (await this.watcher.read()).maps.find((map) => map.id === id && looks(map)),
      { what: `map ${id} to be told of`, everyMs: 50 },
    );
  }

  /** Dates the last report of a map back, as if its producer had fallen silent. */
  async age(mapId: string, ms: number): Promise<void> {
    const info = (await this.redis.hget(this.keys.mapInfo, mapId)) ?? "";
    const [at = "", ...report] = info.split(" ");
    await this.redis.hset(this.keys.mapInfo, mapId, [Number(at) - ms, ...report].join(" "));
  }
}
