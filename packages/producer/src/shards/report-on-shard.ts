import type { ReportedMap } from "../gather/map-reports.ts";

/**
 * A map in the form in which it is reported on one shard: the whole map, not only the part on that shard. Each shard gets
 * all new errors.
 */
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
