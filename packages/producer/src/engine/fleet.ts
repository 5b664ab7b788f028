/** The workers of a queue, as a producer last saw them: it looks once a second while it has maps that are sent in parts. */

import type { WorkerAdvertisement } from "@poolmq/shared/internal";

import type { MapRun } from "../map/map-run.ts";

/** As often as machines tell of themselves. */
const LOOK_MS = 1_000;

/** A fleet that is not there yet is taken for one of so many slots: autoscalers and the first machines find work. */
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
  /** What runs at a time of a task, by its name and the version of its code that a call asks for. */
  readonly #slots = new Map<string, TaskSlots>();
  readonly #firstSlots: number;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  /**
   * @param look - asks Redis for the machines, and calls `see`
   * @param ownSlots - how many items the workers run at a time that the pool has started itself, if it has
   */
  constructor(look: () => Promise<unknown>, ownSlots: number = FUTURE_SLOTS) {
    this.#look = look;
    this.#firstSlots = ownSlots;
  }

  /** These machines are alive. */
  see(machines: readonly WorkerAdvertisement[]): void {
    // Of a fleet that is gone for the moment, its last size is the best guess.
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
    // Redis is away, or there are only machines that we can't work with: who waits for workers is told of it.
    await this.#look().catch(() => {});
    this.#isLooking = false;
  }
}
