/** Drains machines, changes the number of their processes, and kills items, from outside. */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { Cluster, Redis } from "ioredis";

import type { StackAnswer } from "@poolmq/shared/internal";
import { parseObject } from "@poolmq/shared/redis";

import type { ControlOptions } from "./control-options.ts";
import { Orders } from "./orders.ts";
import { QueueWatcher } from "../watch/queue-watcher.ts";
import type { QueueView } from "../watch/queue-view.ts";

/**
 * What became of an order: the machine carried it out; it did not answer for some seconds; it takes only signed orders,
 * and there is no key.
 */
export type Ordered = "done" | "no answer" | "no key";

/** How long to wait for an effect, in ms. A machine obeys at once, and reports once a second. */
const ANSWER_MS = 6_000;
const POLL_MS = 100;

/** An answer, not checked yet: anyone who can write to Redis may have written it. */
interface Told {
  readonly frames: unknown;
  readonly problem: unknown;
}

export class MachineControl {
  readonly #redis: Redis | Cluster;
  readonly #orders: Orders;
  readonly #watcher: QueueWatcher;

  /** The connection stays the caller's. */
  constructor(redis: Redis | Cluster, options: ControlOptions) {
    this.#redis = redis;
    this.#orders = new Orders(redis, options);
    this.#watcher = new QueueWatcher(redis, options);
  }

  /** Tells a machine to take no more jobs, finish what it runs, and end. Resolves once it takes none. */
  async drain(worker: string): Promise<Ordered> {
    return await this.#order({ t: "drain", worker, by: this.#orders.by }, ({ machines }) => {
      return machines.every(({ id }) => id !== worker);
    });
  }

  /**
   * Tells a machine to start child processes, or to end some when their runs have ended. Resolves once it reports the new
   * number.
   */
  async resize(worker: string, processes: number): Promise<Ordered> {
    return await this.#order({ t: "resize", worker, processes, by: this.#orders.by }, ({ machines }) => {
      return machines.some((machine) => machine.id === worker && machine.processes === processes);
    });
  }

  /**
   * Kills the process that runs an item. As after any lost process, the item runs again, unless it has reached
   * `workerLossAttempts`. Resolves once the process is gone; "not running" if no process runs the item.
   */
  async killItem(map: string, index: number): Promise<Ordered | "not running"> {
    const before = await this.#watcher.readOnce();
    const runs = pidsThatRun(before, map, index);
    if (runs.length === 0) return "not running";
    return await this.#order({ t: "kill", map, index, by: this.#orders.by }, (view) => {
      const there = new Set(
        view.machines.flatMap(({ id, children }) => children?.map(({ pid }) => `${id} ${pid}`)),
      );
      return runs.every((run) => !there.has(run));
    });
  }

  /**
   * Asks what a child process executes now, which works even if its code never yields. The process is stopped for less
   * than a millisecond.
   */
  async stack(worker: string, pid: number): Promise<StackAnswer> {
    if (await this.#orders.lackKey())
      return { problem: "the workers of this queue obey only orders that are signed with their key" };
    const id = randomBytes(12).toString("hex");
    await this.#orders.send({ t: "stack", worker, pid, id, by: this.#orders.by });
    const deadline = performance.now() + ANSWER_MS;
    while (performance.now() < deadline) {
      const text = await this.#redis.get(this.#orders.keys.stack(id));
      const { frames, problem } = parseObject<Told>(text ?? "") ?? {};
      if (typeof problem === "string") return { problem };
      if (Array.isArray(frames)) return { frames: frames.map(String) };
      await delay(POLL_MS);
    }
    return { problem: "the machine did not answer within some seconds" };
  }

  async #order(
    message: Parameters<Orders["send"]>[0],
    isDone: (view: QueueView) => boolean,
  ): Promise<Ordered> {
    if (await this.#orders.lackKey()) return "no key";
    await this.#orders.send(message);
    const deadline = performance.now() + ANSWER_MS;
    while (performance.now() < deadline) {
      if (isDone(await this.#watcher.read())) return "done";
      await delay(POLL_MS);
    }
    return "no answer";
  }
}

function pidsThatRun({ machines }: QueueView, map: string, index: number): string[] {
  return machines.flatMap(({ id, children }) =>
    (children ?? [])
      .filter(({ running }) =>
        running.some((run) => run.mapId === map && index >= run.index && index < run.index + run.items),
      )
      .map(({ pid }) => `${id} ${pid}`),
  );
}
