/**
 * Reads a queue while pages show it, once for all pages:
 *
 *   QueueWatcher ──QueueView, once a second──▶ QueueFeed ──tick──▶ each page
 *                                        History, RecentSpans ──start──▶ a page that comes
 */

import { setTimeout as delay } from "node:timers/promises";

import { MAX_GROUPS } from "@poolmq/shared/internal";

import type { ErrorsView, MapView, QueueView } from "../watch/queue-view.ts";
import type { Watcher } from "../watch/pool-watcher.ts";

import { History } from "./history.ts";
import { ListChanges } from "./list-changes.ts";
import { MachineChanges } from "./machine-changes.ts";
import { MANY_MACHINES } from "./messages.ts";
import type {
  MapPoint,
  PageMap,
  ProcessSpans,
  StartMessage,
  TickMessage,
  TroubleMessage,
} from "./messages.ts";
import { PageViews } from "./page-views.ts";
import { RecentSpans } from "./recent-spans.ts";

/** As often as machines and producers report, in ms. */
const EVERY_MS = 1_000;

/** Redis usually answers within milliseconds. After this time, in ms, the page says that it is gone or overloaded. */
const PATIENCE_MS = 3_000;

/** The events that a feed sends to a page. */
export interface FeedReader {
  onStart(message: Omit<StartMessage, "queues" | "writable" | "showsValues" | "jobPages">): void;
  onTick(message: TickMessage): void;
  onTrouble(message: TroubleMessage): void;
}

export interface SeenMap {
  readonly map: MapView;
  readonly points: readonly MapPoint[];
  readonly errors: ErrorsView | undefined;
}

export class QueueFeed {
  readonly #watcher: Pick<Watcher, "read" | "errors">;
  readonly #history = new History();
  readonly #spans = new RecentSpans();
  readonly #views = new PageViews();
  readonly #maps = new ListChanges<PageMap>();
  readonly #machines = new MachineChanges();
  #latest: QueueView | undefined;
  /** By map: its errors, with the number of failed items at which they were read. */
  readonly #errors = new Map<string, ErrorsView>();
  /** The pages that receive events, and whether each has had its start message. */
  readonly #readers = new Map<FeedReader, "new" | "started">();
  #isLooking = false;
  /** Why the last look gave nothing. */
  #reason: string | undefined;

  constructor(watcher: Pick<Watcher, "read" | "errors">) {
    this.#watcher = watcher;
  }

  /** Begins to send events to a page. Gives a function that ends that. */
  subscribe(reader: FeedReader): () => void {
    this.#readers.set(reader, "new");
    if (this.#reason !== undefined) reader.onTrouble({ reason: this.#reason });
    if (!this.#isLooking) void this.#look();
    return () => void this.#readers.delete(reader);
  }

  /** A map as the last look found it, with its history and its errors. */
  map(mapId: string): SeenMap | undefined {
    const map = this.#latest?.maps.find(({ id }) => id === mapId);
    if (map === undefined) return undefined;
    return { map, points: this.#history.of(mapId), errors: this.#errors.get(mapId) };
  }

  /** What the processes of a machine ran recently. */
  spansOf(machine: string): ProcessSpans[] {
    return this.#spans.all.filter((spans) => spans.machine === machine);
  }

  /** Reads the queue repeatedly, as long as there are readers. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#readers.size > 0) {
      const next = delay(EVERY_MS);
      const impatience = setTimeout(() => this.#trouble("Redis does not answer"), PATIENCE_MS);
      try {
        const view = await this.#watcher.read();
        this.#tell(view, await this.#newErrors(view));
      } catch (error) {
        this.#trouble(error instanceof Error ? error.message : String(error));
      } finally {
        clearTimeout(impatience);
      }
      await next;
    }
    this.#isLooking = false;
  }

  async #newErrors({ maps }: QueueView): Promise<ErrorsView[]> {
    const ids = new Set(maps.map(({ id }) => id));
    for (const id of this.#errors.keys()) if (!ids.has(id)) this.#errors.delete(id);
    const changed = maps.filter(({ id, failed }) => {
      const { failed: before = 0, others = 0, groups = [] } = this.#errors.get(id) ?? {};
      // The counts may be read before the last kind of error is written.
      return failed !== before || (others > 0 && groups.length < MAX_GROUPS);
    });
    const read = await Promise.all(changed.map(({ id }) => this.#watcher.errors(id)));
    const known = read.filter((errors) => errors !== undefined);
    for (const errors of known) this.#errors.set(errors.mapId, errors);
    return known;
  }

  #tell(whole: QueueView, errors: ErrorsView[]): void {
    this.#reason = undefined;
    this.#latest = whole;
    this.#history.add(whole);
    const view = this.#views.next(whole);
    const { maps, machines, queue: _, ...now } = view;
    const hasLanes = machines.length <= MANY_MACHINES;
    const newSpans = this.#spans.add(whole);
    const tick: TickMessage = {
      now,
      maps: this.#maps.next(maps),
      machines: this.#machines.next(machines),
      spans: hasLanes ? newSpans : [],
      errors,
    };
    const start = (): Parameters<FeedReader["onStart"]>[0] => ({
      ...this.#history.all,
      view,
      machineHistory: this.#views.loads.all,
      spans: hasLanes ? this.#spans.all : [],
      errors: [...this.#errors.values()],
    });
    for (const [reader, state] of this.#readers) {
      this.#readers.set(reader, "started");
      if (state === "new") reader.onStart(start());
      else reader.onTick(tick);
    }
  }

  #trouble(reason: string): void {
    this.#reason = reason;
    for (const reader of this.#readers.keys()) reader.onTrouble({ reason });
  }
}
