/** A simulated fleet: one program writes what a hundred machines and their producers would report. */

import { Machines, queueKeys, writeErrorGroups, writeMapReports } from "@poolmq/shared/redis";
import type { Redis } from "ioredis";

/** How often machines and producers report, in ms. */
const BEAT_MS = 1_000;

const PROCESSES = 8;
const ITEMS = 1_000_000;
const MIB = 2 ** 20;

const TASKS = ["thumbnail", "nap", "nightly-2026-quarterly-revenue-reconciliation-of-all", "fetch", "parse"];

/** Each fifth map has failed items, of two kinds. */
const KINDS = [
  { name: "RangeError", message: (map: number) => `image ${map} has no pixels` },
  {
    name: "UpstreamUnavailableBecauseOfMaintenanceError",
    message: () => `GET https://pictures.internal.example.com/${"a-long-path/".repeat(30)} answered with 503`,
  },
];

/** Writes the reports of such a fleet until it is stopped. */
export class ToldFleet implements AsyncDisposable {
  readonly #redis: Redis;
  readonly #keys: ReturnType<typeof queueKeys>;
  readonly #size: { readonly machines: number; readonly maps: number };
  readonly #beganAt = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #telling: Promise<void> = Promise.resolve();

  private constructor(redis: Redis, queue: string, size: { machines: number; maps: number }) {
    this.#redis = redis;
    this.#keys = queueKeys(queue);
    this.#size = size;
  }

  /** Resolves once all of it has been reported for the first time. */
  static async begin(redis: Redis, queue: string, size = { machines: 100, maps: 50 }): Promise<ToldFleet> {
    const fleet = new ToldFleet(redis, queue, size);
    await fleet.#tell();
    fleet.#timer = setInterval(() => {
      fleet.#telling = fleet.#telling.then(() => fleet.#tell()).catch(() => {});
    }, BEAT_MS);
    return fleet;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#telling;
  }

  async #tell(): Promise<void> {
    const now = Date.now();
    const machines = new Machines(this.#redis, this.#keys);
    await Promise.all([
      writeMapReports(
        this.#redis,
        this.#keys,
        Array.from({ length: this.#size.maps }, (_, map) => [idOf(map), 60_000, this.#report(map, now)]),
      ),
      ...Array.from({ length: this.#size.maps }, (_, map) => map)
        .filter(fails)
        .map((map) => writeErrorGroups(this.#redis, this.#keys, idOf(map), groupsOf(map), 60_000)),
      ...Array.from({ length: this.#size.machines }, (_, machine) =>
        machines.advertise(`machine-${machine}`, advertisementOf(machine), this.#detailOf(machine, now)),
      ),
    ]);
  }

  #report(map: number, now: number): Parameters<typeof writeMapReports>[2][number][2] {
    const ageMs = now - this.#beganAt + 60_000 * (map + 1);
    const state = map % 10 === 9 ? ("failed" as const) : map % 10 === 8 ? ("done" as const) : "running";
    const perS = 40 + 3 * map;
    const done = state === "running" ? Math.min(ITEMS - 1, Math.round((perS * ageMs) / 1_000)) : ITEMS;
    return {
      v: 1,
      task: taskOf(map),
      call: map % 3 === 0 ? "imapUnordered" : "map",
      host: `producer-${map % 7}.batch.example.com`,
      pid: 400 + map,
      state,
      ageMs,
      total: ITEMS,
      done,
      failed: fails(map) ? 61 + map : 0,
      running: state === "running" ? 2_000 : 0,
      perS,
      perJob: 1,
      runTimes: [60, done],
      timesMs: done * 200,
      maxMs: 900,
      quietMs: 0,
      ...(map % 2 === 0 ? { durable: true as const } : {}),
      ...(fails(map) ? { errors: [41 + map, 20], errorsLastMs: [ageMs - 5_000, ageMs - 90_000] } : {}),
    };
  }

  #detailOf(machine: number, now: number): string {
    const busy = machine % 5 === 4 ? 0 : PROCESSES - (machine % 3);
    return JSON.stringify({
      nowMs: now,
      waiting: busy === 0 ? 0 : 4,
      children: Array.from({ length: PROCESSES }, (_, process) => ({
        pid: 1_000 * machine + process,
        state: "ready",
        items: 20 * process,
        rss: (70 + ((machine * 7 + process) % 50)) * MIB,
        cpuMs: (now - this.#beganAt) * (process < busy ? 0.7 : 0),
        runs:
          process >= busy
            ? []
            : [
                {
                  task: taskOf(machine % 8),
                  map: idOf(machine % 8),
                  // Each beat shows a new item; one in ten machines has an item that never ends.
                  at: isLong(machine, process) ? 7 : Math.floor(now / BEAT_MS) + process,
                  n: 1,
                  attempt: 1,
                  sinceMs: isLong(machine, process) ? this.#beganAt - 60_000 : now - 150,
                },
              ],
        spans: [],
      })),
    });
  }
}

function advertisementOf(machine: number): string {
  return JSON.stringify({
    v: 1,
    id: `machine-${machine}`,
    host: hostOf(machine),
    pid: 7 + machine,
    processes: PROCESSES,
    concurrency: 1,
    tasks: Object.fromEntries(TASKS.map((task) => [task, { arity: 1 }])),
    version: "1.0.0",
    node: "24.0.0",
    ...(machine === 17
      ? { unfit: { module: "/srv/tasks.js", phase: "load", reason: "Cannot find package 'sharp'" } }
      : {}),
  });
}

export function hostOf(machine: number): string {
  return `worker-${machine}.eu-central-1.compute.internal`;
}

function idOf(map: number): string {
  return map % 4 === 0
    ? `nightly-2026-11-${map}-of-all-pictures`
    : `0f3c9a4e-1d2b-4c7a-9e55-0000000000${map + 10}`;
}

function taskOf(map: number): string {
  return TASKS[map % TASKS.length] ?? "";
}

function isLong(machine: number, process: number): boolean {
  return machine % 10 === 3 && process === 0;
}

function fails(map: number): boolean {
  return map % 5 === 4;
}

function groupsOf(map: number): Parameters<typeof writeErrorGroups>[3] {
  return KINDS.map(({ name, message }, number) => [
    number,
    {
      name,
      message: message(map),
      stack: `${name}: ${message(map)}\n    at thumbnail (/srv/tasks.js:12:7)\n    at async /srv/app.js:30:3`,
      indices: [1, 2, 3, 7, 90],
    },
  ]);
}
