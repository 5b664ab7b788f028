/**
 * The order of test files. Vitest's own goes by the size of files where it has no times of an earlier run, and runs one
 * project after the other: then the longest file may begin last, and the other workers have nothing to do meanwhile.
 */

import { statSync } from "node:fs";

import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * What takes longer than 20 seconds in a run of all tests, longest first: `npm test` prints the slowest twenty. A file that
 * is not here comes after these, the larger ones first. Those of `packaging` come later than their length asks for,
 * because the packages are being packed while the first files run.
 */
const LONGEST = [
  "browser/dashboard",
  "behaviours/batches",
  "integration/gather/lost-jobs",
  "faults/untrusted-hosts",
  "behaviours/stopping",
  "containers/fleet",
  "faults/redis-faults",
  "integration/values/large-values",
  "integration/cli/cli",
  "integration/supervisor/outages",
  "integration/gather/durable",
  "integration/output/logs",
  "integration/dashboard/dashboard",
  "examples/tutorial",
  "integration/cli/cli-control",
  "integration/pool/limits",
  "containers/image",
  "faults/soak",
  "faults/network-faults",
  "integration/cli/cli-watch",
  "integration/watch/scale-signal",
  "integration/pool/lifetime",
  "integration/gather/refused",
  "integration/shards/several-servers",
  "integration/shards/commands",
  "integration/pool/unread-stream",
  "integration/cli/replay",
  "integration/bullmq/traps",
  "faults/shards",
  "integration/pool/start",
  "faults/machine-faults",
  "examples/web-servers",
  "behaviours/main-program",
  "containers/compose",
  "integration/shards/watchers",
  "integration/watch/watched-maps",
  "faults/cluster",
  "packaging/builds",
  "packaging/runtimes",
  "integration/cli/bad-night",
  "integration/cli/cli-usage",
  "integration/supervisor/worker-limits",
  "faults/memory-faults",
  "examples/api",
  "integration/control/map-control",
  "behaviours/limits",
  "behaviours/thread-pool",
  "faults/child-faults",
  "faults/producer-faults",
  "integration/output/pool-prints",
  "integration/gather/share",
  "integration/signing/signing",
  "examples/readme",
  "integration/telemetry/tracing",
  "behaviours/calls",
  "integration/gather/waits-for-redis",
  "faults/clock-faults",
  "integration/call/call-options",
  "integration/supervisor/never-twice",
  "integration/dev/watch",
  "faults/shards-of-cluster",
  "integration/redis/connection-topologies",
  "integration/pool/map",
  "integration/redis/other-servers",
  "integration/map/fair-shares",
  "integration/job/large-outcomes",
  "examples/recipes",
  "examples/from-python",
  "integration/supervisor/worker-machine",
  "integration/supervisor/lanes",
  "packaging/packages",
].map((name) => `/tests/${name}.test.ts`);

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const projects = [...new Set(this.ctx.projects.map(({ name }) => name))];
    const keys = new Map(files.map((file) => [file, keyOf(file, projects)]));
    return files.toSorted((a, b) => compare(keys.get(a) ?? [], keys.get(b) ?? []));
  }
}

/** Files whose numbers are smaller come first; of two that are equal, the next one decides. */
function keyOf({ moduleId, project }: TestSpecification, projects: readonly string[]): number[] {
  const { groupOrder } = project.config.sequence;
  // A process can only go on with another file of its own project. Those with a process for each file mix freely.
  const block = project.config.isolate ? -1 : projects.indexOf(project.name);
  const at = LONGEST.findIndex((file) => moduleId.endsWith(file));
  return [groupOrder, block, at < 0 ? LONGEST.length : at, -statSync(moduleId).size];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
