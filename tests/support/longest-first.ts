/**
 * The order of test files. Vitest's own goes by the size of files where it has no times of an earlier run, and runs one
 * project after the other: then the longest file may begin last, and the other workers have nothing to do meanwhile.
 */

import { statSync } from "node:fs";

import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * What takes longer than 15 seconds in a run of all tests, longest first: `npm test` prints the slowest twenty. A file that
 * is not here comes after these, the larger ones first. Those of `packaging` come later than their length asks for,
 * because the packages are being packed while the first files run.
 */
const LONGEST = [
  "integration/gather/lost-jobs",
  "browser/dashboard",
  "containers/fleet",
  "behaviours/batches",
  "behaviours/stopping",
  "faults/untrusted-hosts",
  "integration/supervisor/outages",
  "integration/values/large-values",
  "faults/network-faults",
  "faults/redis-faults",
  "faults/soak",
  "integration/gather/refused",
  "examples/tutorial",
  "integration/cli/cli-watch",
  "integration/gather/durable",
  "integration/cli/cli",
  "integration/pool/unread-stream",
  "containers/image",
  "containers/compose",
  "behaviours/main-program",
  "faults/shards",
  "integration/pool/lifetime",
  "integration/watch/watched-maps",
  "examples/readme",
  "packaging/builds",
  "packaging/packages",
  "packaging/runtimes",
  "integration/cli/cli-control",
  "integration/bullmq/traps",
  "integration/shards/watchers",
  "examples/web-servers",
  "integration/supervisor/lanes",
  "integration/output/logs",
  "integration/watch/scale-signal",
  "faults/cluster",
  "integration/shards/several-servers",
  "behaviours/limits",
  "integration/gather/waits-for-redis",
  "faults/machine-faults",
  "integration/redis/connection-topologies",
  "integration/shards/commands",
  "integration/control/map-control",
  "examples/api",
  "integration/supervisor/worker-limits",
  "integration/pool/map",
  "integration/supervisor/never-twice",
  "faults/child-faults",
  "behaviours/calls",
  "integration/dashboard/dashboard",
  "faults/shards-of-cluster",
  "faults/crew-gather-model",
  "integration/signing/signing",
  "integration/telemetry/tracing",
  "examples/from-python",
  "integration/gather/redis-gone",
  "behaviours/thread-pool",
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
