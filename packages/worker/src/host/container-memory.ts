/**
 * Sees to it that a container that runs out of memory loses one child, and never its supervisor. Four measures:
 *
 * 1. Each child's heap is limited to its share, so that V8 collects garbage instead of growing. By default, it would let
 *   each child grow to most of the container's memory.
 * 2. Shortly before the limit, the largest child is killed. Kubernetes has the kernel kill the whole container at the
 *    limit (`memory.oom.group`), and all its items would be charged.
 * 3. If memory grows faster than we look, the kernel kills; it is told to prefer children.
 * 4. The kernel's count of its kills tells children that the kernel killed from those that something else killed.
 */

import { writeFileSync } from "node:fs";

import { Cgroup } from "@poolmq/shared/task";

const MIB = 1024 * 1024;

/** The part of a container's memory that is reserved for the supervisor. */
const SUPERVISOR_BYTES = 128 * MIB;

/** Below this, Node hardly starts. */
const MIN_HEAP_MB = 64;

/** The part of the limit that is kept free: about what a fast task can allocate between two looks. */
const MARGIN = 0.05;
const MIN_MARGIN_BYTES = 24 * MIB;

/** The kernel's highest preference: it kills a process with it before any other. */
const KILL_FIRST = "1000";

export class ContainerMemory {
  readonly #group: Cgroup;
  readonly #limit: number | undefined;
  #kills: number;

  constructor(group: Cgroup = new Cgroup()) {
    this.#group = group;
    this.#limit = group.memoryLimitBytes;
    this.#kills = group.oomKills ?? 0;
  }

  /** Node's flags for each of `children` children. A heap size in `NODE_OPTIONS` takes precedence. */
  heapFlags(children: number, nodeOptions: string | undefined): readonly string[] {
    if (this.#limit === undefined || /max[-_]old[-_]space[-_]size/.test(nodeOptions ?? "")) return [];
    const share = Math.floor((this.#limit - SUPERVISOR_BYTES) / children / MIB);
    return [`--max-old-space-size=${Math.max(MIN_HEAP_MB, share)}`];
  }

  get hasLimit(): boolean {
    return this.#limit !== undefined;
  }

  /** True if memory is about to run out. */
  get isShort(): boolean {
    if (this.#limit === undefined) return false;
    const threshold = this.#limit - Math.max(MIN_MARGIN_BYTES, this.#limit * MARGIN);
    return (this.#group.memoryBytes(threshold) ?? 0) > threshold;
  }

  /** The share of each of `children` children while memory is short, in bytes. */
  share(children: number): number {
    return this.#limit === undefined ? Infinity : this.#limit / (children + 1);
  }

  /** Asks the kernel to kill this process first. That needs no privilege for processes of one's own. */
  preferVictim(pid: number): void {
    try {
      writeFileSync(`/proc/${pid}/oom_score_adj`, KILL_FIRST);
    } catch {
      // The system is not Linux, or the process has ended already.
    }
  }

  /** True once for each process that the kernel has killed for memory. Called when a child was lost to SIGKILL. */
  claimKill(): boolean {
    if ((this.#group.oomKills ?? 0) <= this.#kills) return false;
    this.#kills++;
    return true;
  }
}
