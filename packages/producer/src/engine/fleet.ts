/**
 * The workers of a queue, as a producer last saw them. It looks once a second while it has maps that are not fully sent.
 */

import { clearInterval, setInterval } from "node:timers";

import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { MapRun } from "../map/map-run.ts";

/** How often to look, in ms: as often as machines report. */
const LOOK_MS = 1_000;

/** While no worker is there, assume this many slots, so that autoscalers and the first machines find work. */
const FUTURE_SLOTS = 32;

interface TaskSlots {
  readonly places: number;
  /** How many items its function takes at once. */
  readonly maxItems: number;
}

export class Fleet {
  readonly #look: () => Promise<unknown>;
  readonly #maps = new Set<MapRun>();
  #machines: readonly WorkerAdvertisement[] = [];
  /** Slots by task and by the version of its code that a call asks for. */
  readonly #slots = new Map<string, TaskSlots>();
  readonly #firstSlots: number;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  /**
   * @param look - reads the machines from Redis, and calls `see`
   * @param ownSlots - how many items the pool's own workers run at a time, if it has some
   */
  constructor(look: () => Promise<unknown>, ownSlots: number = FUTURE_SLOTS) {
    this.#look = look;
    this.#firstSlots = ownSlots;
  }

  /** Takes the list of live machines. */
  see(machines: readonly WorkerAdvertisement[]): void {
    // If all machines are gone for the moment, the last size is the best guess.
    if (machines.length === 0) return;
    this.#machines = machines;
    this.#slots.clear();
    for (const map of this.#maps) map.offerRoom();
  }

  /**
   * How many jobs of a task the fleet runs at a time; at least 1.
   *
   * @param asked - the version of the tasks' code that a machine must have; `undefined`: any will do
   * @param chunksize - items of each job: of a batch task, several jobs of few items run together
   */
  slots(task: string, asked?: string, chunksize = 1): number {
    const key = `${asked ?? ""} ${task}`;
    let slots = this.#slots.get(key);
    if (slots === undefined) {
      const able = this.#machines.filter(
        ({ tasks, codeVersion }) =>
          Object.hasOwn(tasks, task) && (asked === undefined || codeVersion === asked),
      );
      const seen = able.reduce((sum, { processes, concurrency }) => sum + processes * (concurrency ?? 1), 0);
      const places = Math.max(1, this.#machines.length === 0 ? this.#firstSlots : seen);
      slots = { places, maxItems: Math.max(1, ...able.map(({ tasks }) => tasks[task]?.maxItems ?? 1)) };
      this.#slots.set(key, slots);
    }
    return slots.places * Math.max(1, Math.floor(slots.maxItems / chunksize));
  }

  /** Keeps the size of the fleet up to date for a map, until all of the map was sent. */
  async watchFor(map: MapRun, sent: Promise<void>): Promise<void> {
    this.#maps.add(map);
    this.#timer ??= setInterval(() => void this.#tick(), LOOK_MS).unref();
    try {
      await sent;
    } finally {
      this.#maps.delete(map);
    }
  }

  async #tick(): Promise<void> {
    if (this.#maps.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    if (this.#maps.size === 0 || this.#isLooking) return;
    this.#isLooking = true;
    // Redis is away, or all machines are unsuitable. Code that waits for workers reports both.
    await this.#look().catch(() => {});
    this.#isLooking = false;
  }
}
