/** The worker machines and producers of a soak: keeps their number, and knows what each of them is at. */

import { Actor } from "./actor.ts";
import type { FromActor, ProducerOptions } from "./messages.ts";

/** One map of a producer that was reported. */
export type EndedMap = Extract<FromActor, { readonly t: "ended" }>;

/** Short, so that many machines can be lost in little time; long enough for a busy computer to renew the locks. */
const LOCKS = { lockDurationMs: 1_000, stalledIntervalMs: 250 };

export interface FleetOptions {
  readonly url: string;
  readonly queue: string;
  readonly seed: number;
  /** Where the processes log to, if anywhere. */
  readonly logs?: string | undefined;
  readonly onEnded: (map: EndedMap) => void;
}

export class Machine {
  readonly actor: Actor;
  readonly memory = new MemorySeries();
  isReady = false;

  constructor({ url, queue, logs }: FleetOptions, name: string) {
    const options = {
      module: new URL("../work/tasks.ts", import.meta.url).href,
      connection: url,
      queue,
      processes: 1,
      concurrency: 3,
      // Children are killed at random in a soak, so items must not fail for that.
      workerLossAttempts: 50,
      killGraceMs: 200,
      ...LOCKS,
    };
    const args = [JSON.stringify(options), ...(logs === undefined ? [] : [`${logs}/${name}.log`])];
    this.actor = new Actor("machine", args, (message) => {
      if (message.t === "ready") this.isReady = true;
      if (message.t === "memory") this.memory.add(message);
    });
  }
}

/** A producer, which is started again when it was killed, at the map that it was at. */
export class Producer {
  readonly name: string;
  readonly memory = new MemorySeries();
  readonly #options: FleetOptions;
  #actor: Actor;
  /** The map that it is at. */
  current: { readonly number: number; readonly mapId: string } | undefined;
  #next = 0;
  /** Number of processes that were lost. */
  lost = 0;

  constructor(options: FleetOptions, name: string) {
    this.#options = options;
    this.name = name;
    this.#actor = this.#start(false);
  }

  get actor(): Actor {
    return this.#actor;
  }

  async killAndReplace(): Promise<void> {
    await this.#actor.kill();
    this.lost++;
    const isDurable = this.name.startsWith("durable");
    // The map of a plain producer ends with the producer.
    if (!isDurable && this.current !== undefined) this.#next = this.current.number + 1;
    const resumes = isDurable && this.current !== undefined;
    if (!resumes) this.current = undefined;
    this.#actor = this.#start(resumes);
  }

  #start(resumes: boolean): Actor {
    const { url, queue, seed, logs } = this.#options;
    const first = this.#next;
    const options: ProducerOptions = { connection: url, queue, name: this.name, seed, first, resumes };
    const log = logs === undefined ? [] : [`${logs}/${this.name}.log`];
    return new Actor("producer", [JSON.stringify(options), ...log], (message) => {
      if (message.t === "memory") this.memory.add(message);
      if (message.t === "began") {
        this.current = message;
        this.#next = message.number;
      }
      if (message.t === "ended") {
        this.current = undefined;
        this.#next = message.number + 1;
        this.#options.onEnded(message);
      }
    });
  }
}

/** What a process's memory was, over time. */
class MemorySeries {
  readonly #samples: { readonly atMs: number; readonly rss: number; readonly heap: number }[] = [];

  add({ rss, heap }: { readonly rss: number; readonly heap: number }): void {
    this.#samples.push({ atMs: performance.now(), rss, heap });
  }

  /** Growth per minute, in MiB, after the first third, in which caches fill; and the last value. */
  trend(of: "rss" | "heap"): { readonly perMinute: number; readonly last: number; readonly samples: number } {
    const steady = this.#samples.slice(Math.floor(this.#samples.length / 3));
    const points = steady.map((sample) => [sample.atMs / 60_000, sample[of] / 2 ** 20] as const);
    return { perMinute: slope(points), last: points.at(-1)?.[1] ?? 0, samples: points.length };
  }
}

/** Theil and Sen's: the median of the slopes between all pairs, which single peaks do not move. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], i) =>
    points.slice(i + 1).map(([nextX, nextY]) => (nextY - y) / (nextX - x)),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}

/** The machines: one that is never killed, so that its memory can be watched, and others that are. */
export class Fleet {
  readonly elder: Machine;
  readonly #options: FleetOptions;
  #others: Machine[] = [];
  #started = 0;
  /** Machines that were told to stop, and others that are ending. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: FleetOptions, others: number) {
    this.#options = options;
    this.elder = this.#start();
    for (let i = 0; i < others; i++) this.#others.push(this.#start());
  }

  get all(): readonly Machine[] {
    return [this.elder, ...this.#others];
  }

  /** One that may be lost. */
  pick(where: number): Machine | undefined {
    return this.#others[Math.floor(where * this.#others.length)];
  }

  async lose(machine: Machine): Promise<void> {
    await machine.actor.kill();
    this.#replace(machine);
  }

  /** Starts another one, then tells this one to stop. */
  retire(machine: Machine): void {
    this.#replace(machine);
    machine.actor.signal("SIGTERM");
    const gone = machine.actor.exited.then(() => void this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  /** Ends all in good order. */
  async close(): Promise<void> {
    for (const { actor } of this.all) actor.send({ t: "stop" });
    await Promise.all([...this.all.map(({ actor }) => actor.exited), ...this.#leaving]);
  }

  #replace(machine: Machine): void {
    this.#others = this.#others.map((other) => (other === machine ? this.#start() : other));
  }

  #start(): Machine {
    return new Machine(this.#options, `machine-${this.#started++}`);
  }
}
