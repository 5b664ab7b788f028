/** Keeps a pool's own worker machine: starts it, replaces it when it dies, and ends it with the pool. */

import { LocalMachineError } from "@poolmq/shared";
import { MACHINE_LOSS_ATTEMPTS } from "@poolmq/shared/internal";
import type { ConnectionsOption } from "@poolmq/shared";
import type { ResolvedConnection, TaskInfo } from "@poolmq/shared/internal";
import type { LocalMachine } from "@poolmq/worker/local";

import type { RedisPoolOptions } from "../options/pool-options.ts";
import { importWorkerPackage } from "./import-worker-package.ts";

/**
 * How often in a row a machine that died is replaced before its pool gives up. It is more than the number of machines
 * that one item may end, so that such an item is given up first, and the others get their results.
 */
const MAX_RESTARTS = MACHINE_LOSS_ATTEMPTS + 2;

/** A machine that lived this long, in ms, did not fail at its start. */
const STABLE_MS = 30_000;

export class LocalMachineKeeper {
  readonly #start: () => Promise<LocalMachine>;
  readonly #onDead: (error: unknown) => void;
  #machine: LocalMachine;
  #tasks: Readonly<Record<string, TaskInfo>> | undefined;
  /** Whether the machine is to keep this process alive. */
  #alive = false;
  #restarts = 0;
  #closing = false;

  /**
   * @param machine - the first machine, which has been started
   * @param start - starts another
   * @param onDead - called if no machine can be started any more
   */
  constructor(machine: LocalMachine, start: () => Promise<LocalMachine>, onDead: (error: unknown) => void) {
    this.#machine = machine;
    this.#start = start;
    this.#onDead = onDead;
  }

  /** Tasks that the machine has registered, by name. Absent before `ready()` resolved. */
  get tasks(): Readonly<Record<string, TaskInfo>> | undefined {
    return this.#tasks;
  }

  /** Waits until the first machine has loaded the tasks module. From then on, a machine that dies is replaced. */
  async ready(): Promise<void> {
    await this.#adopt(this.#machine);
  }

  keepAlive(alive: boolean): void {
    this.#alive = alive;
    this.#machine.ref(alive);
  }

  /** Ends the machine, which gets `timeoutMs` to end gracefully. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    await this.#machine.close(timeoutMs);
  }

  async #adopt(machine: LocalMachine): Promise<void> {
    this.#machine = machine;
    machine.ref(this.#alive);
    this.#tasks = await machine.ready;
    const readyAt = performance.now();
    void machine.exited.then(({ exitCode, signal }) => {
      if (performance.now() - readyAt > STABLE_MS) this.#restarts = 0;
      return this.#replace(exitCode, signal);
    });
  }

  /** Starts another machine, which takes over the dead one's jobs as from any dead machine. */
  async #replace(exitCode: number | null, signal: string | null): Promise<void> {
    if (this.#closing) return;
    try {
      if (++this.#restarts > MAX_RESTARTS) {
        throw new LocalMachineError(
          `The local worker machine ended ${this.#restarts} times (exit code ${exitCode}, signal ${signal})`,
        );
      }
      await this.#adopt(await this.#start());
    } catch (error) {
      if (!this.#closing) this.#onDead(error);
    }
  }
}

/** Gives a function that starts a machine on the queue; `undefined` if the pool has no workers of its own. */
export function machineStarter(
  { local, prefix, connectTimeoutMs, signingKeys, ...given }: RedisPoolOptions,
  connections: readonly ResolvedConnection[],
  queue: string,
): (() => Promise<LocalMachine>) | undefined {
  if (local === undefined) return undefined;
  return async () => {
    // Only local mode needs the workers' package, which is an optional peer.
    const { startLocalMachine } = await importWorkerPackage("Worker processes on this machine need");
    const machine = {
      ...local,
      ...placeOf(connections),
      queue,
      prefix,
      connectTimeoutMs,
      signingKey: signingKeys?.reveal(),
    };
    // An embedded Redis ends with this process, and the queue with it.
    const removesQueue = given.queue === undefined && given.connection !== "embedded";
    return startLocalMachine(machine, { removesQueue });
  };
}

/** Where the queue is, in the form of a machine's options. */
function placeOf(connections: readonly ResolvedConnection[]): {
  readonly connection: ConnectionsOption;
  readonly shards?: number;
} {
  const targets = connections.map((connection) => connection.target());
  const [first] = targets;
  if (first?.kind === "cluster") {
    const { nodes, options } = first;
    return { connection: sendable({ cluster: nodes, options }), shards: targets.length };
  }
  // Several connections mean several servers.
  return {
    connection: targets.flatMap((target) => (target.kind === "cluster" ? [] : sendable(target.options))),
  };
}

/** Leaves out functions, which can't be sent to another process; poolmq's own connection settings replace them anyway. */
function sendable<V>(value: V): V {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(sendable) as V;
  const entries = Object.entries(value).filter(([, entry]) => typeof entry !== "function");
  return Object.fromEntries(entries.map(([key, entry]) => [key, sendable(entry)])) as V;
}
