/**
 * The order of test files. Vitest's own goes by the size of files where it has no times of an earlier run, and runs one
 * project after the other: then the longest file may begin last, and the other workers have nothing to do meanwhile.
 */

import { statSync } from "node:fs";

import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * What takes longer than 15 seconds where nothing else runs, longest first: `npm test` prints the slowest twenty. A file
 * that is not here comes after these, the larger ones first.
 */
const LONGEST = [
  "integration/gather/lost-jobs",
  "browser/dashboard",
  "containers/fleet",
  "behaviours/batches",
  "integration/gather/durable",
  "faults/redis-faults",
  "containers/image",
  "integration/cli/cli",
  "integration/supervisor/outages",
  "behaviours/stopping",
  "integration/dashboard/dashboard",
  "integration/cli/cli-watch",
  "faults/network-faults",
  "faults/soak",
  "integration/pool/lifetime",
  "integration/watch/watched-maps",
  "integration/values/large-values",
  "containers/compose",
  "integration/cli/cli-control",
  "faults/untrusted-hosts",
  "faults/clock-faults",
  "integration/pool/unread-stream",
  "integration/output/logs",
  "behaviours/main-program",
  "faults/cluster",
  "packaging/builds",
  "integration/gather/refused",
  "integration/watch/scale-signal",
  "examples/tutorial",
  "packaging/packages",
  "integration/signing/signing",
  "integration/shards/several-servers",
  "integration/pool/limits",
  "integration/supervisor/worker-limits",
  "integration/gather/waits-for-redis",
  "faults/crew-gather-model",
  "examples/web-servers",
  "integration/shards/commands",
  "integration/supervisor/never-twice",
  "packaging/runtimes",
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
