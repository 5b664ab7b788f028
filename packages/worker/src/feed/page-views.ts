/**
 * A queue in the form that the page needs: without fields that it does not show, and rounded, so that small differences
 * are not sent.
 */

import type { ChildView, MachineView, MapView, QueueView } from "../watch/queue-view.ts";
import { MachineLoads, MIB } from "./machine-loads.ts";
import type { PageChild, PageMachine, PageMap, PageView } from "./messages.ts";

/** Times of silence are rounded to this, in ms. Machines report once a second. */
const SILENCE_STEP_MS = 250;

/** A producer that reported less than this ago, in ms, is not shown as silent. */
const PRODUCER_STEP_MS = 3_000;

/** Rounds memory, so that a change of a few percent is not sent. */
function roundedBytes(bytes: number): number {
  return Number((bytes / MIB).toPrecision(2)) * MIB;
}

export class PageViews {
  readonly #loads = new MachineLoads();
  /**
   * By machine, process, map and item: when the run began, as first computed. Clocks are compared anew at each look, so
   * that the value would change slightly.
   */
  #since = new Map<string, number>();

  get loads(): Pick<MachineLoads, "all"> {
    return this.#loads;
  }

  next(view: QueueView): PageView {
    this.#loads.add(view);
    const since = new Map<string, number>();
    const machines = view.machines.map((machine) => this.#machine(machine, since));
    this.#since = since;
    return { ...view, maps: view.maps.map(pageMap), machines };
  }

  #machine({ tasks, children, silentMs, ...machine }: MachineView, since: Map<string, number>): PageMachine {
    return {
      ...machine,
      // Rounded up: a run is drawn up to the last report, and no further.
      silentMs: Math.ceil(silentMs / SILENCE_STEP_MS) * SILENCE_STEP_MS,
      tasks: Object.keys(tasks),
      ...this.#loads.of(machine.id),
      children: children?.map((child) => this.#child(machine.id, child, since)) ?? null,
    };
  }

  #child(machine: string, child: ChildView, since: Map<string, number>): PageChild {
    const { spans: _, cpuMs: __, memoryBytes, running, ...rest } = child;

    return {
      id: String(child.pid),
      ...rest,
      memoryBytes: memoryBytes === null ? null : roundedBytes(memoryBytes),
      running: running.map((run) => {
        const key = `${machine} ${child.pid} ${run.mapId} ${run.index} ${run.attempt}`;
        const sinceMs = this.#since.get(key) ?? Math.round(run.sinceMs);
        since.set(key, sinceMs);
        return { ...run, sinceMs };
      }),
    };
  }
}

function pageMap(map: MapView): PageMap {
  const { producer, runTimes, itemsPerS, leftMs } = map;
  const { histogram: _, ...times } = runTimes;
  const silentMs = producer.silentMs < PRODUCER_STEP_MS ? 0 : Math.round(producer.silentMs / 1_000) * 1_000;
  return {
    ...map,
    itemsPerS: Number(itemsPerS.toPrecision(4)),
    leftMs: leftMs === null ? null : Math.round(leftMs / 1_000) * 1_000,
    producer: { ...producer, silentMs },
    runTimes: {
      ...times,
      items: map.done,
      meanMs: times.meanMs === null ? null : Number(times.meanMs.toPrecision(3)),
    },
  };
}
