/** What the server sends to the page, as JSON in server-sent events. */

import type { ChildView, ErrorsView, MachineView, QueueView, SpanView } from "../watch/queue-view.ts";

/** First event of a connection (`start`): all that there is to know. */
export interface StartMessage extends TickMessage {
  /** Queues that this dashboard shows; the page offers the others. */
  readonly queues: readonly string[];
  /** Whether maps can be cancelled and retried from the page. */
  readonly writable: boolean;
  /** Whether there are pages of single jobs, and if not, why. */
  readonly jobPages: { readonly path: string } | { readonly missing: string };
  /** How the queue was at earlier looks, the oldest first. */
  readonly history: readonly QueuePoint[];
  /** How far maps were at earlier looks. */
  readonly mapHistory: readonly { readonly mapId: string; readonly points: readonly MapPoint[] }[];
}

/** Each later event (`tick`): how it is now, and what is new. */
export interface TickMessage {
  readonly view: PageView;
  /** What processes have run: in a tick, spans that are new or have grown. */
  readonly spans: readonly ProcessSpans[];
  /** Errors by map: in a tick, of the maps that have had new ones. */
  readonly errors: readonly ErrorsView[];
}

/** An event (`trouble`) in place of a tick: the queue can't be seen. */
export interface TroubleMessage {
  readonly reason: string;
}

/** A `QueueView` without what would be sent again and again. */
export interface PageView extends Omit<QueueView, "machines"> {
  readonly machines: readonly PageMachine[];
}

export interface PageMachine extends Omit<MachineView, "tasks" | "children"> {
  readonly tasks: readonly string[];
  readonly children: readonly Omit<ChildView, "spans">[] | null;
}

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
  readonly usedBytes: number;
  /** Of all maps. */
  readonly itemsPerS: number;
}

/** A map at one moment, for charts. */
export interface MapPoint {
  readonly atMs: number;
  readonly done: number;
  readonly itemsPerS: number;
}
