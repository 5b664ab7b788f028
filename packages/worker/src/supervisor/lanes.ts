/**
 * The lanes of a machine, one for each Redis over which its pool is spread, as one: the machine serves as soon as one of
 * them does, and the others join when their Redis is there. Most machines have one.
 */

import { setTimeout as delay } from "node:timers/promises";

import type { Logger } from "pino";

import type { TasksModuleError } from "@poolmq/shared";
import { settlesWithin } from "@poolmq/shared/internal";

import { SharedPlaces } from "../queue/shared-places.ts";
import type { Shard } from "../worker-options.ts";
import { openLane } from "./lane-connections.ts";
import { mayPass } from "./reach-redis.ts";
import type { ServedMachine } from "./served-machine.ts";
import { Session } from "./session.ts";

/** Once one lane serves, the machine waits so long for the others, in ms: then it is ready without them. */
const OTHERS_MS = 500;

/** A lane that could not be opened for another reason than that its Redis is away is tried again after this long, in ms. */
const TRY_AGAIN_MS = 5_000;

export class Lanes {
  readonly #machine: ServedMachine;
  readonly #log: Logger;
  /** Aborted once the machine takes nothing new. */
  readonly #leaving: AbortSignal;
  /** Where more than one lane has some of the crew's places. */
  readonly #places: SharedPlaces | undefined;
  /** Those whose Redis was reached. */
  readonly #sessions = new Set<Session>();
  readonly #reached = Promise.withResolvers<void>();
  readonly #crewReady = Promise.withResolvers<void>();
  /** Of each shard: fulfilled once its lane serves. */
  #starts: readonly Promise<void>[] = [];
  /** Why some of them failed. */
  readonly #failures: Error[] = [];

  constructor(machine: ServedMachine, log: Logger, leaving: AbortSignal) {
    this.#machine = machine;
    this.#log = log;
    this.#leaving = leaving;
    const { shards } = machine.options;
    this.#places = shards.length === 1 ? undefined : new SharedPlaces(machine.crew.capacity);
  }

  /**
   * Reaches one Redis at least, and checks it. No job is taken yet.
   *
   * @throws RedisConnectionError, UnsupportedRedisError, EvictionPolicyError
   */
  async open(): Promise<void> {
    const { shards, connectTimeoutMs } = this.#machine.options;
    this.#starts = shards.map((shard) => this.#start(shard, connectTimeoutMs));
    for (const start of this.#starts) start.catch((error: Error) => this.#failures.push(error));
    await Promise.race([this.#reached.promise, first(this.#starts)]);
  }

  /**
   * Begins to take jobs, as the crew can run them now. Resolves once one lane does, and those of the others that need no
   * longer than a moment.
   *
   * @throws what `open` throws, of any lane, if only a change of settings can mend it
   */
  async serve(): Promise<void> {
    this.#crewReady.resolve();
    await first(this.#starts);
    await settlesWithin(OTHERS_MS, Promise.allSettled(this.#starts));
    const refusal = this.#failures.find((error) => !mayPass(error));
    if (refusal !== undefined) throw refusal;
    for (const [at, start] of this.#starts.entries()) {
      start.catch(async (error: Error) => await this.#startLater(this.#machine.options.shards[at], error));
    }
    // Children may have become ready in between.
    this.onCrewChange();
  }

  /** More or less is worth fetching, or another number of children is ready. */
  onCrewChange(): void {
    const { capacity } = this.#machine.crew;
    this.#places?.resize(capacity);
    for (const session of this.#sessions) {
      if (this.#places === undefined) session.resize(capacity);
      session.heartbeat.onCrewChange();
    }
  }

  /** Counts since the start. */
  get counts(): Session["counts"] {
    let publishRetries = 0;
    let locksLost = 0;
    for (const { counts } of this.#sessions) {
      publishRetries += counts.publishRetries;
      locksLost += counts.locksLost;
    }
    return { publishRetries, locksLost };
  }

  /** Resolves once one Redis gives a sign of life. Rejects, or waits as long as none does. */
  async ping(): Promise<void> {
    if (this.#sessions.size === 0) throw new Error("not connected yet");
    await first(this.#all(async (session) => await session.ping()));
  }

  /** Tells why none of the children can run anything. */
  async beat(failure: TasksModuleError): Promise<void> {
    await Promise.all(this.#all(async ({ heartbeat }) => await heartbeat.beat(failure)));
  }

  /** Withdraws the machine's advertisements, as far as Redis answers within that time. */
  async signOff(timeoutMs: number): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.signOff(timeoutMs)));
  }

  /** Takes no more jobs. Resolves once those in hand have ended. */
  async pause(): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.pause()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all(async (session) => await session.close()));
  }

  #all(step: (session: Session) => Promise<void>): Promise<void>[] {
    return [...this.#sessions].map(step);
  }

  async #start(shard: Shard, waitMs: number): Promise<void> {
    const reaching = { waitMs, signal: this.#leaving, log: this.#log };
    const connections = await openLane(shard.connection, this.#machine.id, reaching);
    const session = new Session(this.#machine, shard, connections, this.#log, this.#places);
    this.#sessions.add(session);
    this.#reached.resolve();
    await this.#crewReady.promise;
    try {
      await session.serve();
    } catch (error) {
      this.#sessions.delete(session);
      await session.close();
      throw error;
    }
  }

  /** The machine serves without this lane, and takes it up once it can be opened. */
  async #startLater(shard: Shard | undefined, error: Error): Promise<void> {
    let told: string | undefined;
    for (let reason = error; shard !== undefined && !this.#leaving.aborted;) {
      const { message } = reason;
      if (message !== told)
        this.#log.error({ redis: shard.connection.address, reason: message }, "serving without one Redis");
      told = message;
      try {
        await delay(TRY_AGAIN_MS, undefined, { signal: this.#leaving });
        return await this.#start(shard, 0);
      } catch (again) {
        reason = again as Error;
      }
    }
  }
}

/** Resolves once one of them is fulfilled; rejects with the first one's error if none is. */
async function first(starts: readonly Promise<void>[]): Promise<void> {
  try {
    await Promise.any(starts);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
