import type { ReportedMap } from "../gather/map-reports.ts";

/** A map as one shard tells watchers of it: the whole of it, whatever that shard has. What is new of its errors is told to each. */
export function reportOnShard(map: ReportedMap): ReportedMap {
  return {
    id: map.id,
    call: map.call,
    job: map.job,
    errors: map.errors.another(),
    get task() {
      return map.task;
    },
    get progress() {
      return map.progress;
    },
    get measured() {
      return map.measured;
    },
  };
}
