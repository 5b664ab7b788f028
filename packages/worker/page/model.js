/** What the page knows: the first message of the server, and all that came after it. */

import { changedList, changedMachines } from "./changed-list.js";
import { MapColors } from "./map-colors.js";
import { ALL_MAPS } from "./maps-filter.js";

/**
 * @typedef {import("../src/feed/messages.ts").StartMessage} StartMessage
 * @typedef {import("../src/feed/messages.ts").TickMessage} TickMessage
 * @typedef {import("../src/feed/messages.ts").MapPoint} MapPoint
 * @typedef {import("../src/feed/messages.ts").QueuePoint} QueuePoint
 * @typedef {import("../src/watch/queue-view.ts").ErrorsView} ErrorsView
 * @typedef {import("../src/feed/messages.ts").PageMap} MapView
 * @typedef {import("../src/feed/messages.ts").PageMachine} PageMachine
 * @typedef {import("../src/feed/messages.ts").MachinePoint} MachinePoint
 * @typedef {import("../src/watch/queue-view.ts").SpanView} SpanView
 *
 * @typedef {object} Actions
 * @property {(filter: import("./maps-filter.js").MapsFilter) => void} filter which maps are shown
 * @property {(id: string, other: boolean) => void} toggle a machine's lanes are (not) as they are unasked
 * @property {(map: MapView) => void} cancel
 * @property {(map: MapView) => void} retry runs its failed items again
 * @property {(machine: PageMachine) => void} drain
 * @property {(machine: PageMachine, processes: number) => void} resize
 */

/** As many as the server remembers. */
const MAX_POINTS = 600;
const MAX_MACHINE_POINTS = 120;

/** A little more than a lane shows. */
const KEEP_SPANS_MS = 70_000;

/** The server looks once a second: what is further apart was not looked at in between. */
export const GAP_MS = 3_500;

export class Model {
  /** @type {StartMessage} */
  #start;
  /** @type {QueuePoint[]} */
  #history;
  /** @type {Map<string, MapPoint[]>} */
  #points;
  /** By machine and process; then by number. @type {Map<string, Map<number, SpanView>>} */
  #spans = new Map();
  /** @type {Map<string, ErrorsView>} */
  #errors = new Map();
  /** @type {Map<string, MapView>} */
  #maps = new Map();
  /** @type {Map<string, MachinePoint[]>} */
  #machinePoints;
  #colors = new MapColors();
  /** Machines whose lanes are not as they are unasked. @type {Set<string>} */
  toggled = new Set();
  filter = ALL_MAPS;

  /** @param {StartMessage} start */
  constructor(start) {
    this.#start = start;
    this.#history = [...start.history];
    this.#points = new Map(start.mapHistory.map(({ mapId, points }) => [mapId, [...points]]));
    this.#machinePoints = new Map(start.machineHistory.map(([id, points]) => [id, [...points]]));
    this.view = start.view;
    this.#takeIn(start);
  }

  /** @param {TickMessage} tick */
  add(tick) {
    this.view = {
      queue: this.view.queue,
      ...tick.now,
      maps: changedList(this.view.maps, tick.maps),
      machines: changedMachines(this.view.machines, tick.machines),
    };
    this.#takeIn(tick);
    const { atMs, jobs, redis, maps, machines } = this.view;
    const itemsPerS = maps.reduce((sum, map) => (map.state === "running" ? sum + map.itemsPerS : sum), 0);
    push(this.#history, { atMs, ...jobs, usedBytes: redis.usedBytes, itemsPerS });
    for (const { id, state, done, itemsPerS: perS } of maps) {
      // The rate of one that has ended is that of the whole of it.
      if (state !== "running") continue;
      const points = this.#points.get(id) ?? [];
      this.#points.set(id, points);
      push(points, { atMs, done, itemsPerS: perS });
    }
    forgetOthers(this.#points, this.#maps);
    for (const { id, cores, memoryBytes } of machines) {
      const points = this.#machinePoints.get(id) ?? [];
      this.#machinePoints.set(id, points);
      points.push([atMs, cores, memoryBytes]);
      if (points.length > MAX_MACHINE_POINTS) points.shift();
    }
    forgetOthers(this.#machinePoints, new Map(machines.map((machine) => [machine.id, machine])));
  }

  get queues() {
    return this.#start.queues;
  }

  get writable() {
    return this.#start.writable;
  }

  get showsValues() {
    return this.#start.showsValues;
  }

  get jobPages() {
    return this.#start.jobPages;
  }

  get nowMs() {
    return this.view.atMs;
  }

  /** @returns {readonly QueuePoint[]} */
  get history() {
    return this.#history;
  }

  /** When somebody looked since `fromMs`, from when to when. @type {(fromMs: number) => [number, number][]} */
  seen = (fromMs) => {
    /** @type {[number, number][]} */
    const found = [];
    for (const { atMs } of this.#history) {
      const last = found.at(-1);
      if (last !== undefined && atMs - last[1] <= GAP_MS) last[1] = atMs;
      // Machines tell of the second before, too.
      else found.push([atMs - 1_000, atMs]);
    }
    return found.filter(([, to]) => to > fromMs).map(([from, to]) => [Math.max(from, fromMs), to]);
  };

  /** @returns {readonly ErrorsView[]} */
  get errors() {
    return [...this.#errors.values()];
  }

  /** @type {(mapId: string) => MapView | undefined} */
  mapOf = (mapId) => this.#maps.get(mapId);

  /** @type {(id: string) => PageMachine | undefined} */
  machineOf = (id) => this.view.machines.find((machine) => machine.id === id);

  /** @type {(id: string) => readonly MachinePoint[]} */
  loadsOf = (id) => this.#machinePoints.get(id) ?? [];

  /** @type {(mapId: string) => readonly MapPoint[]} */
  pointsOf = (mapId) => this.#points.get(mapId) ?? [];

  /** @type {(machine: string, pid: number) => readonly SpanView[]} */
  spansOf = (machine, pid) => [...(this.#spans.get(`${machine} ${pid}`)?.values() ?? [])];

  /** @type {(mapId: string) => string} */
  colorOf = (mapId) => this.#colors.of(mapId, (id) => this.#maps.get(id)?.state);

  /** Ids of maps that run, or of which a run is shown. */
  *#seenMaps() {
    for (const known of this.#spans.values()) for (const { mapId } of known.values()) yield mapId;
    for (const { children } of this.view.machines) {
      for (const { running } of children ?? []) for (const { mapId } of running) yield mapId;
    }
  }

  /** @param {Pick<TickMessage, "spans" | "errors">} message */
  #takeIn({ spans, errors }) {
    const { view } = this;
    this.#maps = new Map(view.maps.map((map) => [map.id, map]));
    this.#colors.forget({ stateOf: (id) => this.#maps.get(id)?.state, seen: () => this.#seenMaps() });
    for (const map of view.maps) this.colorOf(map.id);
    for (const of of errors) this.#errors.set(of.mapId, of);
    forgetOthers(this.#errors, this.#maps);
    for (const { machine, pid, spans: news } of spans) {
      const key = `${machine} ${pid}`;
      const known = this.#spans.get(key) ?? /** @type {Map<number, SpanView>} */ (new Map());
      this.#spans.set(key, known);
      for (const span of news) known.set(span.no, span);
    }
    for (const [key, known] of this.#spans) {
      for (const [no, { toMs }] of known) {
        if (toMs >= view.atMs - KEEP_SPANS_MS) break;
        known.delete(no);
      }
      if (known.size === 0) this.#spans.delete(key);
    }
  }
}

/** @template T @param {T[]} points @param {T} point */
function push(points, point) {
  points.push(point);
  if (points.length > MAX_POINTS) points.shift();
}

/** @param {Map<string, unknown>} known @param {ReadonlyMap<string, unknown>} there */
function forgetOthers(known, there) {
  for (const id of known.keys()) if (!there.has(id)) known.delete(id);
}
