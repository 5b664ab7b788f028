/**
 * What a pool stands on: connections to Redis and the gather, and in local mode a worker machine and, where no Redis
 * is configured, an embedded one. It starts with the pool, and none of it keeps the process alive.
 */

import { randomBytes } from "node:crypto";

import type { Cluster, Redis } from "ioredis";

import { LocalMachineError } from "@poolmq/shared";
import {
  checkServer,
  connect,
  destroyConnection,
  queueKeys,
  resolveConnection,
  unrefConnection,
} from "@poolmq/shared/internal";
import type { ResolvedConnection } from "@poolmq/shared/internal";
import type { LocalMachine } from "@poolmq/worker/internal";
import type * as WorkerPackage from "@poolmq/worker/internal";

import { startEmbeddedRedis } from "./embedded-redis.ts";
import type { EmbeddedRedis } from "./embedded-redis.ts";
import { Gather } from "./gather.ts";
import type { GatherHooks } from "./gather.ts";
import type { ResolvedPoolOptions } from "./pool-options.ts";

/** A local machine that died is replaced this often in a row before its pool gives up. */
const MAX_RESTARTS = 5;

export class Backend {
  readonly gather: Gather;
  readonly queue: string;
  readonly #connections: readonly (Redis | Cluster)[];
  readonly #embedded: EmbeddedRedis | undefined;
  readonly #ownQueue: boolean;
  readonly #startMachine: (() => Promise<LocalMachine>) | undefined;
  readonly #onDead: (error: unknown) => void;
  #machine: LocalMachine | undefined;
  #machineTasks: Readonly<Record<string, number>> | undefined;
  #alive = false;
  #restarts = 0;
  #closing = false;

  private constructor(parts: {
    gather: Gather;
    queue: string;
    connections: readonly (Redis | Cluster)[];
    embedded: EmbeddedRedis | undefined;
    ownQueue: boolean;
    startMachine: (() => Promise<LocalMachine>) | undefined;
    onDead: (error: unknown) => void;
  }) {
    this.gather = parts.gather;
    this.queue = parts.queue;
    this.#connections = parts.connections;
    this.#embedded = parts.embedded;
    this.#ownQueue = parts.ownQueue;
    this.#startMachine = parts.startMachine;
    this.#onDead = parts.onDead;
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
      const queue = options.queue ?? (ownQueue ? `local-${randomBytes(6).toString("hex")}` : "default");
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

      const gather = new Gather(commands, blocking, queueKeys(queue, options.prefix), hooks);
      undo.push(() => gather.close());
      const parts = { gather, queue, connections, embedded, ownQueue, startMachine, onDead };
      const backend = new Backend(parts);
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

  /** Names of the tasks that live workers have registered; `undefined` if there is no live worker. */
  async registeredTasks(): Promise<readonly string[] | undefined> {
    if (this.#machineTasks !== undefined) return Object.keys(this.#machineTasks);
    const advertisements = await this.gather.scripts.liveWorkers();
    if (advertisements.length === 0) return undefined;
    const names = advertisements.flatMap(({ tasks }) => Object.keys(tasks));
    return [...new Set(names)].sort();
  }

  /** Ends everything that was started. Local workers get `timeoutMs` to end in good order. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    await this.#machine?.close(timeoutMs);
    if (this.#ownQueue && this.#embedded === undefined) await this.gather.obliterate();
    await this.gather.close();
    this.#connections.forEach(destroyConnection);
    await this.#embedded?.close();
  }

  async #adopt(machine: LocalMachine): Promise<void> {
    this.#machine = machine;
    machine.ref(this.#alive);
    this.#machineTasks = await machine.ready;
    void machine.exited.then(({ exitCode, signal }) => this.#replace(exitCode, signal));
  }

  /** A local machine that died is replaced; what it ran is taken over like any dead machine's. */
  async #replace(exitCode: number | null, signal: string | null): Promise<void> {
    if (this.#closing || this.#startMachine === undefined) return;
    try {
      if (++this.#restarts > MAX_RESTARTS) {
        throw new LocalMachineError(
          `The local worker machine ended ${this.#restarts} times (exit code ${exitCode}, signal ${signal})`,
        );
      }
      await this.#adopt(await this.#startMachine());
    } catch (error) {
      if (!this.#closing) this.#onDead(error);
    }
  }
}

function machineStarter(
  { local, prefix, connectTimeoutMs }: ResolvedPoolOptions,
  resolved: ResolvedConnection,
  queue: string,
): (() => Promise<LocalMachine>) | undefined {
  if (local === undefined) return undefined;
  return async () => {
    // Only local mode needs the workers' package, which is an optional peer.
    const { startLocalMachine } = await importWorkerPackage();
    const target = resolved.target();
    const connection =
      target.kind === "cluster" ? { cluster: target.nodes, options: target.options } : target.options;
    return startLocalMachine({ ...local, connection: sendable(connection), queue, prefix, connectTimeoutMs });
  };
}

async function importWorkerPackage(): Promise<typeof WorkerPackage> {
  try {
    return await import("@poolmq/worker/internal");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new LocalMachineError(
      "Worker processes on this machine need the package @poolmq/worker: install it beside @poolmq/producer",
      { cause },
    );
  }
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

/** Without functions, which can't be sent to another process: our connection profile replaces them anyway. */
function sendable<V>(value: V): V {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(sendable) as V;
  const entries = Object.entries(value).filter(([, entry]) => typeof entry !== "function");
  return Object.fromEntries(entries.map(([key, entry]) => [key, sendable(entry)])) as V;
}
