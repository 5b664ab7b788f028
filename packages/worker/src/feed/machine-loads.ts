/** The processor time and memory that machines used at the last looks. */

import type { MachineView, QueueView } from "../watch/queue-view.ts";
import type { MachineLoad, MachinePoint } from "./messages.ts";

/** Points that are kept of a machine: at a look a second, two minutes. */
const MAX_POINTS = 120;

export const MIB = 1_048_576;

interface Known {
  /** When it reported this, by its heartbeat. */
  readonly toldAtMs: number;
  /** By process: the processor time that it had used, in ms. */
  readonly cpuMs: ReadonlyMap<number, number>;
  readonly load: MachineLoad;
  readonly points: MachinePoint[];
}

export class MachineLoads {
  readonly #machines = new Map<string, Known>();

  add({ atMs, machines }: QueueView): void {
    const ids = new Set(machines.map(({ id }) => id));
    for (const id of this.#machines.keys()) if (!ids.has(id)) this.#machines.delete(id);
    for (const machine of machines) this.#add(machine, atMs);
  }

  /** The present load of a machine; unknown until it has reported twice. */
  of(id: string): MachineLoad {
    return this.#machines.get(id)?.load ?? { cores: null, memoryBytes: null };
  }

  get all(): readonly (readonly [id: string, points: readonly MachinePoint[]])[] {
    return [...this.#machines].map(([id, { points }]) => [id, points]);
  }

  #add({ id, silentMs, children }: MachineView, atMs: number): void {
    if (children === null) return;
    const toldAtMs = atMs - silentMs;
    const before = this.#machines.get(id);
    // It has reported nothing new since.
    if (before !== undefined && toldAtMs - before.toldAtMs < MIN_APART_MS) return;
    const cpuMs = new Map(
      children.flatMap(({ pid, cpuMs: ms }) => (ms === null ? [] : [[pid, ms] as const])),
    );
    const bytes = children.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
    const load = {
      cores: before === undefined || cpuMs.size === 0 ? null : coresOf(before, cpuMs, toldAtMs),
      memoryBytes: bytes === 0 ? null : Math.round(bytes / MIB) * MIB,
    };
    const points = before?.points ?? [];
    points.push([atMs, load.cores, load.memoryBytes]);
    if (points.length > MAX_POINTS) points.shift();
    this.#machines.set(id, { toldAtMs, cpuMs, load, points });
  }
}

/** Times that differ by less than this, in ms, are of the same heartbeat: the clocks are compared anew at each look. */
const MIN_APART_MS = 200;

function coresOf(before: Known, cpuMs: ReadonlyMap<number, number>, toldAtMs: number): number {
  let ms = 0;
  for (const [pid, now] of cpuMs) {
    const then = before.cpuMs.get(pid);
    if (then !== undefined) ms += Math.max(0, now - then);
  }
  return Math.round((ms / (toldAtMs - before.toldAtMs)) * 10) / 10;
}
