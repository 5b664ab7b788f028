/**
 * The parts of a Redis engine: connections to Redis, the gather and, in local mode, a worker machine and perhaps an
 * embedded Redis. They start and end together, and none of them keeps the process alive.
 */

import { CodeVersionError, LocalMachineError, NestedPoolError, WorkerStartError } from "@poolmq/shared";
import {
  AskTogether,
  privateQueueName,
  resolveConnection,
  RUNS_ON_VARIABLE,
  unlessAborted,
} from "@poolmq/shared/internal";
import type { LargestValue } from "@poolmq/shared/redis";
import type { TaskInfo, WorkerAdvertisement } from "@poolmq/shared/internal";

import { startEmbeddedRedis } from "../embedded-redis/embedded-redis.ts";
import type { EmbeddedRedis } from "../embedded-redis/embedded-redis.ts";
import type { GatherHooks } from "../gather/gather-parts.ts";
import type { MapGather } from "../gather/map-gather.ts";
import type { RedisPoolOptions } from "../options/pool-options.ts";
import { Fleet } from "./fleet.ts";
import { LocalMachineKeeper, machineStarter } from "./local-machine-keeper.ts";
import type { OpenQueue } from "./open-queue.ts";

/**
 * A task that a machine had this long ago, in ms, is taken to be there still: a call then need not ask. To read what a hundred
 * machines say of themselves takes longer than a call. If they have ended since, the call waits like one that was made before.
 */
const RECENT_MS = 250;

interface Parts {
  readonly opened: OpenQueue;
  readonly queue: string;
  readonly embedded: EmbeddedRedis | undefined;
  readonly machine: LocalMachineKeeper | undefined;
  readonly ownQueue: boolean;
  /** Number of the pool's own worker processes, and of items that these run at a time. */
  readonly processes: number;
  readonly slots: number | undefined;
  readonly localAdvice: string | undefined;
}

export class RedisBackend {
  readonly gather: MapGather;
  readonly queue: string;
  readonly fleet: Fleet;
  /** Ends messages of workers that are missing: see `ResolvedPoolOptions`. */
  readonly localAdvice: string | undefined;
  readonly #parts: Parts;
  readonly #live = new AskTogether(() => this.gather.machines());
  #processes: number;
  #places = 0;
  /** What the machines that were seen last have registered, by the version of the tasks' code that a call asks for. */
  #seen = new Map<string | undefined, ReadonlyMap<string, TaskInfo>>();
  #seenAt = -Infinity;
  /** The tasks of the pool's own machine, as it told them, and by name. */
  #own: { readonly of: object; readonly tasks: ReadonlyMap<string, TaskInfo> } | undefined;

  private constructor(parts: Parts) {
    this.gather = parts.opened.gather;
    this.queue = parts.queue;
    this.localAdvice = parts.localAdvice;
    this.#parts = parts;
    this.#processes = parts.processes;
    this.fleet = new Fleet(() => this.machines(), parts.slots);
  }

  /**
   * Starts everything and waits until it is usable.
   *
   * @param onDead - called if something ends that can't be replaced, so that no map can go on
   * @param signal - aborts the start, and ends what was started so far
   */
  static async start(
    options: RedisPoolOptions,
    hooks: GatherHooks,
    onDead: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<RedisBackend> {
    const undo: (() => Promise<unknown> | void)[] = [];
    try {
      const embedded =
        typeof options.connection === "string"
          ? await startEmbeddedRedis({ onExit: onDead, signal })
          : undefined;
      if (embedded !== undefined) undo.push(() => embedded.close());
      const given =
        typeof options.connection === "string" ? [resolveConnection(embedded?.url)] : options.connection;
      const connections = given.filter((connection) => connection !== undefined);
      if (connections.length === 0) throw new LocalMachineError("The embedded Redis has no address");

      const ownQueue = options.local !== undefined && options.queue === undefined;
      const queue = options.queue ?? (ownQueue ? privateQueueName() : "default");
      const startMachine = machineStarter(options, connections, queue);
      // Started first, because its processes take longer than anything else here: longer than to load the Redis client and
      // BullMQ, which they do meanwhile too.
      const machine =
        startMachine === undefined
          ? undefined
          : new LocalMachineKeeper(await startMachine(), startMachine, onDead);
      if (machine !== undefined) undo.push(() => machine.close(0));

      const { openQueue } = await import("./open-queue.ts");
      const opened = await openQueue(connections, queue, options, hooks, signal);
      undo.push(() => opened.close());
      if (machine !== undefined) await unlessAborted(signal, machine.ready());
      return new RedisBackend({
        opened,
        queue,
        embedded,
        machine,
        ownQueue,
        processes: options.local?.processes ?? 1,
        slots: options.local && options.local.processes * options.local.concurrency,
        localAdvice: options.localAdvice,
      });
    } catch (error) {
      for (const step of undo.toReversed()) {
        await Promise.resolve(step()).catch(() => {}); // only the error that stopped the start is reported
      }
      throw error;
    }
  }

  /** Sets whether it keeps the process alive. Sockets and children alone do not. */
  keepAlive(alive: boolean): void {
    this.#parts.machine?.keepAlive(alive);
  }

  /**
   * @throws NestedPoolError if this process runs a task of the same queue, so that a map would wait for the place that
   * the task occupies
   */
  async checkNotNested(call: string): Promise<void> {
    const machine = process.env[RUNS_ON_VARIABLE];
    if (machine === undefined) return;
    const ids = machine.split(" ");
    if ((await this.machines()).some(({ id }) => ids.includes(id)))
      throw new NestedPoolError({ queue: this.queue, call });
  }

  /** Number of worker processes on the queue at the last look. */
  get processes(): number {
    return this.#processes;
  }

  /** What Redis takes in one piece, if it tells. */
  get largest(): LargestValue | undefined {
    return this.#parts.opened.largest;
  }

  /** How many items the workers run at a time. */
  get places(): number {
    return this.#places;
  }

  /**
   * Tasks that live workers have registered, by name; `undefined` if there is no live worker.
   *
   * @param codeVersion - counts only machines with this version of the tasks' code
   * @param task - the task that is needed, for the error
   * @throws WorkerStartError if there are only machines that can't serve, CodeVersionError, SigningKeyError
   */
  async registeredTasks(
    codeVersion: string | undefined,
    task: string,
  ): Promise<ReadonlyMap<string, TaskInfo> | undefined> {
    const own = this.#parts.machine?.tasks;
    if (own !== undefined && codeVersion === undefined) {
      if (this.#own?.of !== own) this.#own = { of: own, tasks: new Map(Object.entries(own)) };
      return this.#own.tasks;
    }
    const seen = this.#seen.get(codeVersion);
    if (seen?.has(task) === true && performance.now() - this.#seenAt < RECENT_MS) return seen;
    const machines = await this.machines();
    const isAsked = (machine: WorkerAdvertisement): boolean =>
      codeVersion === undefined || machine.codeVersion === codeVersion;
    const isFit = ({ unfit }: WorkerAdvertisement): boolean => unfit === undefined;
    let fit = machines.filter(isFit);
    // Others live, but one that has the task may only be silent for a while.
    if (fit.length > 0 && !fit.some((machine) => isAsked(machine) && Object.hasOwn(machine.tasks, task)))
      fit = (await this.gather.machines("remembered")).filter(isFit);
    const asked = fit.filter(isAsked);
    if (codeVersion !== undefined && fit.length > asked.length && asked.length === 0) {
      const known = new Set(fit.flatMap((machine) => machine.codeVersion ?? []));
      throw new CodeVersionError({ task, asked: codeVersion, known: [...known].sort() });
    }
    const tasks = asked.flatMap((machine) => Object.entries(machine.tasks));
    if (tasks.length > 0) {
      const found = new Map(tasks.toSorted(([a], [b]) => (a < b ? -1 : 1)));
      this.#seen.set(codeVersion, found);
      return found;
    }
    const unfit = machines.find((machine) => machine.unfit !== undefined);
    if (unfit?.unfit !== undefined) throw new WorkerStartError({ host: unfit.host, ...unfit.unfit });
    return undefined;
  }

  /** The live machines. @throws SigningKeyError if all of them have other signing keys */
  async machines(): Promise<WorkerAdvertisement[]> {
    const machines = await this.#live.ask();
    this.#seen = new Map();
    this.#seenAt = performance.now();
    this.#processes = machines.reduce((sum, machine) => sum + machine.processes, 0);
    this.#places = machines.reduce((sum, machine) => sum + machine.processes * machine.concurrency, 0);
    this.fleet.see(machines);
    return machines;
  }

  /** Ends everything that was started. Local workers get `timeoutMs` to end gracefully. */
  async close(timeoutMs: number): Promise<void> {
    const { machine, ownQueue, embedded, opened } = this.#parts;
    await machine?.close(timeoutMs);
    if (ownQueue && embedded === undefined) await this.gather.obliterate();
    await opened.close();
    await embedded?.close();
  }
}
