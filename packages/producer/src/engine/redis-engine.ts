/**
 * What a pool stands on: connections to Redis and the gather, and in local mode a worker machine and, where no Redis
 * is configured, an embedded one. It starts with the pool, and none of it keeps the process alive.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import { LocalMachineError, WorkerStartError } from "@poolmq/shared";
import {
  checkServer,
  connect,
  destroyConnection,
  checkInteger,
  fittingMachines,
  privateQueueName,
  queueKeys,
  resolveConnection,
  RUNS_ON_VARIABLE,
  unrefConnection,
} from "@poolmq/shared/internal";
import type { ResolvedConnection, Signer, TaskInfo, WorkerAdvertisement } from "@poolmq/shared/internal";
import type { LocalMachine } from "@poolmq/worker/internal";

import { startEmbeddedRedis } from "../embedded-redis/embedded-redis.ts";
import type { EmbeddedRedis } from "../embedded-redis/embedded-redis.ts";
import { Gather } from "../gather/gather.ts";
import type { GatherHooks } from "../gather/gather.ts";
import { importWorkerPackage } from "./import-worker-package.ts";
import type { ResolvedPoolOptions } from "../options/pool-options.ts";

/** A local machine that died is replaced this often in a row before its pool gives up. */
const MAX_RESTARTS = 5;

/** One that lived this long died of something else than its start. */
const STABLE_MS = 30_000;

/** Counts of a queue, and what this pool has measured. */
export interface PoolStats {
  /** Jobs of all producers that wait for a worker. */
  readonly waiting: number;
  /** Jobs of all producers that workers have taken. */
  readonly active: number;
  /** Worker machines that are alive. */
  readonly machines: number;
  /** Worker processes on them. */
  readonly workers: number;
  /** Items of this pool that ended, per second over the last 10 s. */
  readonly throughput: number;
  /** Mean run time of an item of this pool, in ms; `undefined` before the first. */
  readonly runMs: number | undefined;
  /** Mean time from enqueuing an item of this pool to its outcome, without its run time, in ms. */
  readonly waitMs: number | undefined;
}

interface Parts {
  readonly gather: Gather;
  readonly queue: string;
  readonly signer: Signer | undefined;
  readonly connections: readonly (Redis | Cluster)[];
  readonly embedded: EmbeddedRedis | undefined;
  readonly ownQueue: boolean;
  /** Worker processes of the pool's own. */
  readonly processes: number;
  readonly startMachine: (() => Promise<LocalMachine>) | undefined;
  readonly onDead: (error: unknown) => void;
}

const READY_POLL_MS = 50;

export class Backend {
  readonly gather: Gather;
  readonly queue: string;
  readonly #parts: Parts;
  #machine: LocalMachine | undefined;
  #machineTasks: Readonly<Record<string, TaskInfo>> | undefined;
  #processes: number;
  #alive = false;
  #restarts = 0;
  #closing = false;

  private constructor(parts: Parts) {
    this.gather = parts.gather;
    this.queue = parts.queue;
    this.#parts = parts;
    this.#processes = parts.processes;
  }

  /**
   * Starts everything and waits until it is usable.
   *
   * @param onDead - called if something that can't be replaced ends: no map can go on
   * @param signal - gives up the start, and ends what was started so far
   */
  static async start(
    options: ResolvedPoolOptions,
    hooks: GatherHooks,
    onDead: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<Backend> {
    const undo: (() => Promise<unknown> | void)[] = [];
    try {
      const embedded =
        options.connection === undefined ? await startEmbeddedRedis({ onExit: onDead, signal }) : undefined;
      if (embedded !== undefined) undo.push(() => embedded.close());
      const resolved = options.connection ?? resolveConnection(embedded?.url);
      if (resolved === undefined) throw new LocalMachineError("The embedded Redis has no address");

      const ownQueue = options.local !== undefined && options.queue === undefined;
      const queue = options.queue ?? (ownQueue ? privateQueueName() : "default");
      const startMachine = machineStarter(options, resolved, queue);
      // Its processes take longer to start than anything else here.
      const machine = await startMachine?.();
      if (machine !== undefined) undo.push(() => machine.close(0));

      const connections: (Redis | Cluster)[] = [];
      undo.push(() => connections.forEach(destroyConnection));
      const open = async (role: "commands" | "blocking"): Promise<Redis | Cluster> => {
        const connection = await connect(resolved, {
          role,
          connectTimeoutMs: options.connectTimeoutMs,
          signal,
        });
        connections.push(connection);
        unrefConnection(connection);
        return connection;
      };
      const commands = await open("commands");
      await checkServer(commands, resolved.address);
      const blocking = await open("blocking");

      const keys = queueKeys(queue, options.prefix);
      const signer = options.signingKeys?.signer(keys);
      const gather = new Gather(
        commands,
        blocking,
        { keys, queue, signer, signatureTtlMs: options.signatureTtlMs },
        hooks,
      );
      undo.push(() => gather.close(() => destroyConnection(blocking)));
      const backend = new Backend({
        gather,
        queue,
        signer,
        connections,
        embedded,
        ownQueue,
        processes: options.local?.processes ?? 1,
        startMachine,
        onDead,
      });
      if (machine !== undefined) await unlessAborted(signal, backend.#adopt(machine));
      return backend;
    } catch (error) {
      for (const step of undo.toReversed()) {
        await Promise.resolve(step()).catch(() => {}); // the error that stopped the start is the one to tell
      }
      throw error;
    }
  }

  /** Keeps the process alive, or no longer: sockets and children do not by themselves. */
  keepAlive(alive: boolean): void {
    this.#alive = alive;
    this.#machine?.ref(alive);
  }

  /** True if this process runs a task of the same queue: a map here would wait for a place that the task holds. */
  async isNested(): Promise<boolean> {
    const machine = process.env[RUNS_ON_VARIABLE];
    if (machine === undefined) return false;
    const ids = machine.split(" ");
    return (await this.#machines()).some(({ id }) => ids.includes(id));
  }

  /** Number of worker processes on the queue when it was last looked. */
  get processes(): number {
    return this.#processes;
  }

  /**
   * Tasks that live workers have registered, by name; `undefined` if there is no live worker.
   *
   * @throws WorkerStartError if there are only machines that can't serve, SigningKeyError
   */
  async registeredTasks(): Promise<ReadonlyMap<string, TaskInfo> | undefined> {
    if (this.#machineTasks !== undefined) return new Map(Object.entries(this.#machineTasks));
    const machines = await this.#machines();
    const tasks = machines
      .filter(({ unfit }) => unfit === undefined)
      .flatMap((machine) => Object.entries(machine.tasks));
    if (tasks.length > 0) return new Map(tasks.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const unfit = machines.find((machine) => machine.unfit !== undefined);
    if (unfit?.unfit !== undefined) throw new WorkerStartError({ host: unfit.host, ...unfit.unfit });
    return undefined;
  }

  /** Waits until there are so many worker processes, or `wanted` says that nobody cares any more. */
  async ready(minWorkers: number, wanted: () => boolean): Promise<void> {
    checkInteger("minWorkers", minWorkers, { min: 0 });
    for (;;) {
      await this.#machines();
      if (this.#processes >= minWorkers || !wanted()) return;
      await delay(READY_POLL_MS);
    }
  }

  async stats(): Promise<PoolStats> {
    const [machines, counts] = await Promise.all([this.#machines(), this.gather.counts()]);
    return { ...counts, machines: machines.length, workers: this.#processes, ...this.gather.measured() };
  }

  /** @throws SigningKeyError if there are only machines that we can't work with */
  async #machines(): Promise<WorkerAdvertisement[]> {
    const live = await this.gather.scripts.liveWorkers();
    const machines = fittingMachines(live, this.#parts.signer, this.queue);
    this.#processes = machines.reduce((sum, machine) => sum + machine.processes, 0);
    return machines;
  }

  /** Ends everything that was started. Local workers get `timeoutMs` to end in good order. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    await this.#machine?.close(timeoutMs);
    if (this.#parts.ownQueue && this.#parts.embedded === undefined) await this.gather.obliterate();
    await this.gather.close(() => this.#parts.connections.forEach(destroyConnection));
    this.#parts.connections.forEach(destroyConnection);
    await this.#parts.embedded?.close();
  }

  async #adopt(machine: LocalMachine): Promise<void> {
    this.#machine = machine;
    machine.ref(this.#alive);
    this.#machineTasks = await machine.ready;
    const readyAt = performance.now();
    void machine.exited.then(({ exitCode, signal }) => {
      if (performance.now() - readyAt > STABLE_MS) this.#restarts = 0;
      return this.#replace(exitCode, signal);
    });
  }

  /** A local machine that died is replaced; what it ran is taken over like any dead machine's. */
  async #replace(exitCode: number | null, signal: string | null): Promise<void> {
    if (this.#closing || this.#parts.startMachine === undefined) return;
    try {
      if (++this.#restarts > MAX_RESTARTS) {
        throw new LocalMachineError(
          `The local worker machine ended ${this.#restarts} times (exit code ${exitCode}, signal ${signal})`,
        );
      }
      await this.#adopt(await this.#parts.startMachine());
    } catch (error) {
      if (!this.#closing) this.#parts.onDead(error);
    }
  }
}

function machineStarter(
  { local, prefix, connectTimeoutMs, signingKeys, ...given }: ResolvedPoolOptions,
  resolved: ResolvedConnection,
  queue: string,
): (() => Promise<LocalMachine>) | undefined {
  if (local === undefined) return undefined;
  return async () => {
    // Only local mode needs the workers' package, which is an optional peer.
    const { startLocalMachine } = await importWorkerPackage("Worker processes on this machine need");
    const target = resolved.target();
    const connection =
      target.kind === "cluster" ? { cluster: target.nodes, options: target.options } : target.options;
    const machine = {
      ...local,
      connection: sendable(connection),
      queue,
      prefix,
      connectTimeoutMs,
      signingKey: signingKeys?.reveal(),
    };
    // An embedded Redis ends with this process, and takes all along.
    const removesQueue = given.queue === undefined && given.connection !== undefined;
    return startLocalMachine(machine, { removesQueue });
  };
}

/** Without functions, which can't be sent to another process: our connection profile replaces them anyway. */
function sendable<V>(value: V): V {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(sendable) as V;
  const entries = Object.entries(value).filter(([, entry]) => typeof entry !== "function");
  return Object.fromEntries(entries.map(([key, entry]) => [key, sendable(entry)])) as V;
}

/** Gives what the promise gives, unless the signal fires first. */
async function unlessAborted<V>(signal: AbortSignal, promise: Promise<V>): Promise<V> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {}); // nobody waits for it any more
  }
}
