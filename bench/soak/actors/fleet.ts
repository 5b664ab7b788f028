/** Keeps the number of worker machines of one queue of a soak. */

import type { WorkerOptions } from "@poolmq/worker";

import { Actor } from "./actor.ts";
import { UsageSeries } from "./usage-series.ts";

/** Short, so that many machines can be lost in little time; long enough for a busy computer to renew the locks. */
const LOCKS = { lockDurationMs: 1_500, stalledIntervalMs: 300 };

/** Shifts of the machines' wall clocks, in ms. The first machine's clock is right. */
const SKEWS_MS = [0, 3_600_000, -61_000, -3_600_000, 61_000, 3_000, -3_000];

/** Settings that all processes of a soak share. */
export interface Setting {
  /** Of Redis, or of each of the servers over which the queue is spread. */
  readonly url: string | readonly string[];
  readonly seed: number;
  readonly folder: string;
  /** Where the processes log to, if anywhere. */
  readonly logs?: string | undefined;
  readonly stderr?: number | undefined;
  /** Called if a process ended unexpectedly. */
  readonly onDied: (how: string) => void;
}

/** The queue that a fleet serves, and how. */
export interface Site {
  readonly queue: string;
  readonly signingKey?: string;
  /** How its machines run items. */
  readonly workers: Pick<
    WorkerOptions,
    "processes" | "concurrency" | "workerLossAttempts" | "env" | "maxTasksPerChild"
  >;
}

export class Machine {
  readonly actor: Actor;
  readonly usage = new UsageSeries();
  isReady = false;

  constructor(
    { url, folder, logs, stderr, onDied }: Setting,
    { queue, signingKey, workers }: Site,
    number: number,
  ) {
    const options: WorkerOptions = {
      module: new URL("../work/tasks.ts", import.meta.url).href,
      connection: url,
      queue,
      killGraceMs: 200,
      // A machine may start while Redis is away.
      connectTimeoutMs: 300_000,
      ...LOCKS,
      ...workers,
      ...(signingKey === undefined ? {} : { signingKey }),
    };
    this.actor = new Actor({
      program: "machine",
      args: [
        JSON.stringify(options),
        ...(logs === undefined ? [] : [`${logs}/${queue}-machine-${number}.log`]),
      ],
      folder,
      stderr,
      skewMs: SKEWS_MS[number % SKEWS_MS.length] ?? 0,
      onDied,
      onMessage: (message) => {
        if (message.t === "ready") this.isReady = true;
        if (message.t === "usage") this.usage.add(message);
      },
    });
  }
}

/** The machines: one is never killed, so that its use of memory can be watched; the others are. */
export class Fleet {
  readonly elder: Machine;
  readonly #setting: Setting;
  readonly #site: Site;
  #others: Machine[] = [];
  #started = 0;
  /** Machines that were told to stop, and others that are ending. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(setting: Setting, site: Site, others: number) {
    this.#setting = setting;
    this.#site = site;
    this.elder = this.#start();
    for (let i = 0; i < others; i++) this.#others.push(this.#start());
  }

  get all(): readonly Machine[] {
    return [this.elder, ...this.#others];
  }

  /** Picks a machine that may be lost. */
  pick(where: number): Machine | undefined {
    return this.#others[Math.floor(where * this.#others.length)];
  }

  async lose(machine: Machine): Promise<void> {
    await machine.actor.kill();
    this.#replace(machine);
  }

  /** Starts another machine, then tells this one to stop. */
  retire(machine: Machine): void {
    this.#replace(machine);
    machine.actor.terminate();
    const gone = machine.actor.exited.then(() => void this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  /** Ends all machines gracefully. */
  async close(): Promise<void> {
    for (const { actor } of this.all) actor.send({ t: "stop" });
    await Promise.all([...this.all.map(({ actor }) => actor.exited), ...this.#leaving]);
  }

  #replace(machine: Machine): void {
    this.#others = this.#others.map((other) => (other === machine ? this.#start() : other));
  }

  #start(): Machine {
    return new Machine(this.#setting, this.#site, this.#started++);
  }
}
