/** What the server sends to the page, as JSON in server-sent events. */

import type {
  ChildView,
  ErrorsView,
  MachineView,
  MapView,
  QueueView,
  SpanView,
} from "../watch/queue-view.ts";
import type { ListChange } from "./list-changes.ts";

/** The first event of a connection (`start`): the whole state. */
export interface StartMessage {
  readonly view: PageView;
  readonly spans: readonly ProcessSpans[];
  readonly errors: readonly ErrorsView[];
  /** Queues that this dashboard shows; the page offers the others. */
  readonly queues: readonly string[];
  /** Whether the page may change something. */
  readonly writable: boolean;
  /** Whether the page may show what items were given and have returned. */
  readonly showsValues: boolean;
  /** Whether there are pages of single jobs, and if not, why. */
  readonly jobPages: { readonly path: string } | { readonly missing: string };
  /** The queue at earlier looks, the oldest first. */
  readonly history: readonly QueuePoint[];
  /** The progress of maps at earlier looks. */
  readonly mapHistory: readonly { readonly mapId: string; readonly points: readonly MapPoint[] }[];
  /** The load of machines at earlier looks, by their id. */
  readonly machineHistory: readonly (readonly [id: string, points: readonly MachinePoint[]])[];
}

/** Each later event (`tick`): what has changed since the event before. */
export interface TickMessage {
  readonly now: Omit<PageView, "maps" | "machines" | "queue">;
  readonly maps: ListChange<PageMap>;
  readonly machines: Omit<ListChange<PageMachine>, "changed"> & {
    readonly changed: readonly (readonly [place: number, change: MachineChange])[];
  };
  /** Spans that are new or have grown; none if there are many machines, whose own pages ask for them. */
  readonly spans: readonly ProcessSpans[];
  /** The errors of the maps that have had new ones. */
  readonly errors: readonly ErrorsView[];
}

/** An event (`trouble`) in place of a tick: the queue can't be read. */
export interface TroubleMessage {
  readonly reason: string;
}

/** A `QueueView` without the parts that have messages of their own. */
export interface PageView extends Omit<QueueView, "maps" | "machines"> {
  readonly maps: readonly PageMap[];
  readonly machines: readonly PageMachine[];
}

/** A `MapView` without its run times, for which the map's page asks separately. */
export interface PageMap extends Omit<MapView, "runTimes"> {
  readonly runTimes: Omit<MapView["runTimes"], "histogram">;
}

export interface PageMachine extends Omit<MachineView, "tasks" | "children">, MachineLoad {
  readonly tasks: readonly string[];
  readonly children: readonly PageChild[] | null;
}

export interface PageChild extends Omit<ChildView, "spans" | "cpuMs"> {
  /** Its process id. */
  readonly id: string;
}

/** What has changed of a machine, its processes apart from the rest. */
export interface MachineChange {
  readonly machine: Partial<Omit<PageMachine, "children">>;
  /** `null`: the machine no longer reports them. */
  readonly children?: ListChange<PageChild> | null;
}

/** Above this number of machines, the first page draws no rows of processes, and spans are not sent. */
export const MANY_MACHINES = 8;

/** The load of all processes of a machine together. `null`: the system does not report it, or not enough was seen yet. */
export interface MachineLoad {
  /** Processors that are busy: 1.5 for one and a half. */
  readonly cores: number | null;
  readonly memoryBytes: number | null;
}

/** A machine at one moment, for charts. */
export type MachinePoint = readonly [atMs: number, cores: number | null, memoryBytes: number | null];

export interface ProcessSpans {
  /** Id of the machine. */
  readonly machine: string;
  readonly pid: number;
  /** Oldest first; one with the number of an earlier one replaces it. */
  readonly spans: readonly SpanView[];
}

/** A queue at one moment, for charts. */
export interface QueuePoint {
  readonly atMs: number;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  /** Absent: none. */
  readonly limited?: number;
  readonly usedBytes: number;
  /** Rate of all maps together. */
  readonly itemsPerS: number;
}

/** A map at one moment, for charts. */
export interface MapPoint {
  readonly atMs: number;
  readonly done: number;
  readonly itemsPerS: number;
}
